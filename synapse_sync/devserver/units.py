"""Data units: what is wrong with a wanted one, making them, and finding equal ones (protocol §5)."""

from __future__ import annotations

import hashlib
import json
import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from synapse_sync.devserver import catalogue, datafiles
from synapse_sync.devserver.catalogue import Slot
from synapse_sync.devserver.events import record
from synapse_sync.devserver.store import Database, Row, now

LONGEST_PATH = 1024
LONGEST_GROUP = 255
LONGEST_CHECKSUM = 128


class Problem(NamedTuple):
    """What is wrong with one wanted unit: where in it, in words, and what a lenient backend may overlook."""

    field: str
    message: str
    kind: Literal["", "unknown_checksum", "specs"] = ""


@dataclass
class Wanted:
    """One unit of a request, checked; it can be made when `problems` is empty."""

    files: dict[str, tuple[Row, str]] = field(default_factory=dict)
    meta: Any = None
    groups: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    salt: str = ""
    """Keeps apart what is otherwise equal."""

    @cached_property
    def checksum(self) -> str:
        """The identity of the file composition: equal for equal (spec, data file) pairs, whatever the meta.

        To be asked for when all files are in.
        """
        pairs = sorted((spec, data_file["checksum"]) for spec, (data_file, _) in self.files.items())
        return hashlib.sha1(f"{self.salt}{json.dumps(pairs)}".encode(), usedforsecurity=False).hexdigest()


def check(db: Database, collection_row: Row, units: Sequence[Any]) -> list[Wanted]:
    """Check the units of a request against the collection's specs, the known data files and the meta schema."""
    slots = catalogue.slots(db, collection_row["id"])
    known = datafiles.known(db, _checksums(units))
    return [_check_unit(collection_row, slots, known, unit) for unit in units]


def _checksums(units: Sequence[Any]) -> set[str]:
    return {
        file["checksum"]
        for unit in units
        if isinstance(unit, dict) and isinstance(unit.get("files"), dict)
        for file in unit["files"].values()
        if isinstance(file, dict) and isinstance(file.get("checksum"), str)
    }


def _check_unit(collection_row: Row, slots: Mapping[str, Slot], known: Mapping[str, Row], unit: Any) -> Wanted:
    wanted = Wanted()
    if not isinstance(unit, dict) or not isinstance(unit.get("files"), dict):
        wanted.problems.append(Problem("files", "This field is required and must be an object."))
        return wanted
    for spec, file in unit["files"].items():
        _check_file(wanted, slots, known, spec, file)
    for slot in slots.values():
        if slot.required and not slot.sequential and slot.name not in unit["files"]:
            wanted.problems.append(Problem(f"files.{slot.name}", f"required file {slot.name!r} is missing", "specs"))
    wanted.meta = unit.get("meta")
    for message in catalogue.meta_problems(collection_row, wanted.meta if wanted.meta is not None else {}):
        wanted.problems.append(Problem("meta", message))
    groups = unit.get("groups") or []
    if isinstance(groups, list) and all(isinstance(name, str) and 0 < len(name) <= LONGEST_GROUP for name in groups):
        wanted.groups = groups
    else:
        wanted.problems.append(Problem("groups", f"must be a list of names of 1 to {LONGEST_GROUP} characters"))
    return wanted


def _tells_type(path: str) -> bool:
    """Whether the path has an extension; many DICOM files have none, or a number."""
    extension = os.path.splitext(path)[1].removeprefix(".")
    return bool(extension) and not extension.isdigit()


def _check_file(wanted: Wanted, slots: Mapping[str, Slot], known: Mapping[str, Row], spec: str, file: Any) -> None:
    at = f"files.{spec}"
    slot = slots.get(spec)
    if slot is None or slot.sequential:
        wanted.problems.append(Problem(at, f"the collection has no file specification {spec!r}", "specs"))
    checksum = file.get("checksum") if isinstance(file, dict) else None
    path = file.get("path") or "" if isinstance(file, dict) else ""
    if not isinstance(checksum, str) or not 0 < len(checksum) <= LONGEST_CHECKSUM:
        wanted.problems.append(Problem(at, f"checksum must have 1 to {LONGEST_CHECKSUM} characters"))
    elif not isinstance(path, str) or len(path) > LONGEST_PATH:
        wanted.problems.append(Problem(at, f"path must have at most {LONGEST_PATH} characters"))
    elif checksum not in known:
        wanted.problems.append(Problem(at, f"there is no data file with checksum {checksum}", "unknown_checksum"))
    else:
        wanted.files[spec] = (known[checksum], path)
        if slot and slot.extensions and _tells_type(path) and not path.lower().endswith(slot.extensions):
            words = f"{path!r} is not of the type of {spec!r}: {', '.join(slot.extensions)}"
            wanted.problems.append(Problem(at, words, "specs"))


def create(db: Database, collection_id: int, wanted: Wanted) -> int:
    """Make a unit and return its id."""
    cursor = db.execute(
        "INSERT INTO units (collection, checksum, meta, group_id, created) VALUES (?, ?, ?, ?, ?)",
        (
            collection_id,
            wanted.checksum,
            json.dumps(wanted.meta),
            catalogue.group_leaf(db, collection_id, wanted.groups),
            now(),
        ),
    )
    assert cursor.lastrowid is not None
    db.executemany(
        "INSERT INTO unit_files VALUES (?, ?, ?, ?)",
        [(cursor.lastrowid, spec, data_file["id"], path) for spec, (data_file, path) in wanted.files.items()],
    )
    files = {spec: {"checksum": file["checksum"], "path": path} for spec, (file, path) in wanted.files.items()}
    record(db, "unit", unit=cursor.lastrowid, collection=collection_id, checksum=wanted.checksum, files=files)
    return cursor.lastrowid


def find_or_create(db: Database, collection_id: int, wanted: Wanted) -> tuple[int, bool]:
    """The id of the unit with these files, made if there was none; and whether it was made."""
    unit = _equal_unit(db, collection_id, wanted)
    if unit is None:
        return create(db, collection_id, wanted), True
    record(db, "unit_reused", unit=unit, collection=collection_id, checksum=wanted.checksum)
    return unit, False


def set_meta(db: Database, unit_id: int, meta: object) -> None:
    """Give a unit other meta."""
    before, after = db.execute("SELECT meta FROM units WHERE id = ?", (unit_id,)).fetchone()[0], json.dumps(meta)
    if after != before:
        db.execute("UPDATE units SET meta = ? WHERE id = ?", (after, unit_id))
        record(db, "meta", unit=unit_id, before=json.loads(before), after=meta)


def _equal_unit(db: Database, collection_id: int, wanted: Wanted) -> int | None:
    """The oldest unit of the collection with the same file composition."""
    row = db.execute(
        "SELECT min(id) FROM units WHERE collection = ? AND checksum = ?", (collection_id, wanted.checksum)
    ).fetchone()
    found: int | None = row[0]
    return found


def files_of(db: Database, unit_id: int) -> list[Row]:
    """The unit's files: spec and path with the columns of the data file."""
    return db.execute(
        "SELECT f.spec, f.path, d.* FROM unit_files f JOIN data_files d ON d.id = f.data_file WHERE f.unit = ?"
        " ORDER BY f.spec",
        (unit_id,),
    ).fetchall()


def described(db: Database, row: Row) -> dict[str, Any]:
    """A unit as the control interface tells it: id, files, meta, groups, created."""
    return {
        "id": row["id"],
        "files": {
            file["spec"]: {"checksum": file["checksum"], "path": file["path"], "size": file["size"]}
            for file in files_of(db, row["id"])
        },
        "meta": json.loads(row["meta"]),
        "groups": catalogue.group_path(db, row["group_id"]),
        "created": row["created"],
    }
