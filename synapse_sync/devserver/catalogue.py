"""Data collections with their specs, groups and projects: rows and their JSON shapes (protocol §2, §5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from synapse_sync.devserver.envelope import Refused
from synapse_sync.devserver.filetypes import DISPLAY, FUNCTION_TYPES, allowed, v2_type
from synapse_sync.devserver.store import Database, Row, now

META_SCHEMA = "data_unit_meta_schema"


@dataclass(frozen=True, slots=True)
class Slot:
    """A spec as far as a unit is concerned; no extensions = any."""

    name: str
    extensions: tuple[str, ...]
    required: bool
    sequential: bool


def create_collection(
    db: Database,
    name: str,
    specs: Sequence[Mapping[str, Any]],
    meta: Mapping[str, Any],
    *,
    category: str = "",
    description: str = "",
    access_level: str = "private",
) -> int:
    """Make a collection and return its id. Raises Refused 400 for a meta schema or a spec that can't be."""
    check_schema(meta)
    primary = next((spec for spec in specs if spec.get("is_primary")), specs[0] if specs else {"file_type": "data"})
    cursor = db.execute(
        "INSERT INTO collections (name, description, category, access_level, meta, created) VALUES (?, ?, ?, ?, ?, ?)",
        (name, description, category or v2_type(primary["file_type"]), access_level, json.dumps(meta), now()),
    )
    assert cursor.lastrowid is not None
    set_specs(db, cursor.lastrowid, specs)
    return cursor.lastrowid


def set_specs(db: Database, collection: int, specs: Sequence[Mapping[str, Any]]) -> None:
    """Replace a collection's specs. Raises Refused 400 where two have the same name."""
    names = [spec["name"] for spec in specs]
    if len(set(names)) < len(names):
        raise Refused(400, "Two file specifications have the same name", problems=[("file_specifications", "names")])
    db.execute("DELETE FROM specs WHERE collection = ?", (collection,))
    db.executemany(
        "INSERT INTO specs (collection, name, file_type, extensions, is_required, is_primary, is_sequential,"
        " function_type, position, configuration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                collection,
                spec["name"],
                spec["file_type"],
                json.dumps(spec.get("extensions", [])),
                spec.get("is_required", True),
                spec.get("is_primary", position == 1),
                spec.get("is_sequential", False),
                spec.get("function_type", FUNCTION_TYPES[0] if position == 1 else FUNCTION_TYPES[1]),
                spec.get("index", position),
                json.dumps(spec.get("configuration", {})),
            )
            for position, spec in enumerate(specs, start=1)
        ],
    )


def collection(db: Database, collection_id: object) -> Row:
    """The collection's row. Raises Refused 404."""
    row: Row | None = db.execute("SELECT * FROM collections WHERE id = ?", (collection_id,)).fetchone()
    if row is None:
        raise Refused(404, "No DataCollection matches the given query.")
    return row


def spec_rows(db: Database, collection_id: int) -> list[Row]:
    """The collection's specs in order."""
    return db.execute("SELECT * FROM specs WHERE collection = ? ORDER BY id", (collection_id,)).fetchall()


def slots(db: Database, collection_id: int) -> dict[str, Slot]:
    """What a unit of this collection may and must have, by spec name."""
    return {
        row["name"]: Slot(
            row["name"],
            allowed(row["file_type"], json.loads(row["extensions"])),
            bool(row["is_required"]),
            bool(row["is_sequential"]),
        )
        for row in spec_rows(db, collection_id)
    }


def spec_v1(row: Row) -> dict[str, Any]:
    """A spec as v1 shows it: with extensions."""
    return {
        "id": row["id"],
        "name": row["name"],
        "file_type": row["file_type"],
        "extensions": list(allowed(row["file_type"], json.loads(row["extensions"]))),
        "is_required": bool(row["is_required"]),
        "is_primary": bool(row["is_primary"]),
        "is_sequential": bool(row["is_sequential"]),
    }


def spec_v2(row: Row) -> dict[str, Any]:
    """A spec as v2 shows it: without extensions, which the schemas endpoint has by file type."""
    file_type = v2_type(row["file_type"])
    return {
        "id": row["id"],
        "name": row["name"],
        "description": "",
        "file_type": file_type,
        "file_type_display": DISPLAY[file_type],
        "configuration": json.loads(row["configuration"]),
        "is_sequential": bool(row["is_sequential"]),
        "is_required": bool(row["is_required"]),
        "is_primary": bool(row["is_primary"]),
        "function_type": row["function_type"],
        "index": row["position"],
    }


def collection_v1(row: Row) -> dict[str, Any]:
    """A collection as v1 shows it, without its specs."""
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "category": row["category"],
        "meta": json.loads(row["meta"]),
        "created": row["created"],
    }


def group_leaf(db: Database, collection_id: int, names: Sequence[str]) -> int:
    """The id of the last group of a path, parent first, each made where it was not there; 0 for no groups."""
    parent = 0
    for name in names:
        key = (collection_id, name, parent)
        db.execute("INSERT OR IGNORE INTO groups (collection, name, parent) VALUES (?, ?, ?)", key)
        row = db.execute("SELECT id FROM groups WHERE collection = ? AND name = ? AND parent = ?", key).fetchone()
        parent = row["id"]
    return parent


def group_path(db: Database, leaf: int) -> list[str]:
    """The names of a group and its parents, parent first."""
    names: list[str] = []
    while leaf:
        row = db.execute("SELECT name, parent FROM groups WHERE id = ?", (leaf,)).fetchone()
        if row is None:
            break
        names.append(row["name"])
        leaf = row["parent"]
    return names[::-1]


def create_project(
    db: Database,
    title: str,
    collection_id: int | None,
    *,
    category: str = "image",
    description: str = "",
    configuration: object = None,
) -> int:
    """Make an annotation project and return its id. Raises Refused 404 where its collection is not there."""
    if collection_id is not None:
        collection(db, collection_id)
    cursor = db.execute(
        "INSERT INTO projects (title, description, category, collection, configuration, created)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (title, description, category, collection_id, json.dumps(configuration or {}), now()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def project(db: Database, project_id: object) -> Row:
    """The project's row. Raises Refused 404."""
    row: Row | None = db.execute("SELECT * FROM projects WHERE id = ?", (project_id,)).fetchone()
    if row is None:
        raise Refused(404, "No Project matches the given query.")
    return row


def check_schema(meta: Mapping[str, Any]) -> None:
    """Raise Refused 400 where the collection's meta schema is no JSON Schema."""
    schema = meta.get(META_SCHEMA)
    if schema is None:
        return
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise Refused(400, f"{META_SCHEMA} is no JSON Schema: {error.message}") from None


@lru_cache(maxsize=64)
def _validator(schema: str) -> Validator:
    parsed = json.loads(schema)
    validator: Validator = validator_for(parsed)(parsed)
    return validator


def meta_problems(collection_row: Row, meta: Any) -> list[str]:
    """What is wrong with a unit's meta by the collection's schema, in words; empty = nothing."""
    schema = json.loads(collection_row["meta"]).get(META_SCHEMA)
    if schema is None:
        return []
    found = _validator(json.dumps(schema)).iter_errors(meta)
    return [f"{'.'.join(map(str, error.absolute_path)) or 'meta'}: {error.message}" for error in found]
