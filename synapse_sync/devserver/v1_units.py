"""v1: making and listing data units (protocol §2.1 rows 11 and 12, §5): its shapes and its treacherous repeats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from starlette.types import Scope

from synapse_sync.devserver import catalogue, units
from synapse_sync.devserver.backend import Backend, base_url
from synapse_sync.devserver.catalogue import collection
from synapse_sync.devserver.envelope import Refused, answer, read_json, reply_v1, row_v1
from synapse_sync.devserver.faults import firing
from synapse_sync.devserver.media import media_url
from synapse_sync.devserver.paging import Selection, asked_id_v1, page_v1
from synapse_sync.devserver.store import Database, Row
from synapse_sync.devserver.units import Wanted

_KEYS = {"data_collection", "files", "meta", "groups"}


def shown(backend: Backend, db: Database, row: Row, base: str) -> dict[str, Any]:
    """A unit as v1 shows it; each file's `url` can be read without a token."""
    return {
        "id": row["id"],
        "data_collection": row["collection"],
        "meta": json.loads(row["meta"]),
        "group": row["group_id"] or None,
        "groups": catalogue.group_path(db, row["group_id"]),
        "files": {
            file["spec"]: {
                "url": media_url(backend, base, file, file["path"]),
                "checksum": file["checksum"],
                "path": file["path"],
                "size": file["size"],
            }
            for file in units.files_of(db, row["id"])
        },
        "created": row["created"],
    }


_HIDDEN = {
    "full": (),
    "files": ("meta",),
    "meta": (),
    "bare": ("meta", "group", "groups", "files"),
}
"""What GET leaves out of a unit, by the option `v1_listing`."""


def listed(backend: Backend, db: Database, row: Row, base: str) -> dict[str, Any]:
    """A unit as v1 lists it: as much of it as the options say."""
    listing = backend.options.v1_listing
    unit = {key: value for key, value in shown(backend, db, row, base).items() if key not in _HIDDEN[listing]}
    if listing == "meta":
        unit["files"] = {spec: {"url": file["url"]} for spec, file in unit["files"].items()}
    return unit


def _check(db: Database, body: Sequence[Any]) -> list[tuple[int, Wanted]]:
    """(collection, unit) for each object of the request. Raises Refused for one that is no unit at all."""
    by_collection: dict[int, list[int]] = {}
    for index, item in enumerate(body):
        if not isinstance(item, dict) or not isinstance(item.get("data_collection"), int):
            raise Refused(400, "data_collection", v1={"data_collection": ["This field is required."]})
        if item.keys() - _KEYS:
            raise Refused(400, "unknown field", v1={sorted(item.keys() - _KEYS)[0]: ["Unknown field."]})
        by_collection.setdefault(item["data_collection"], []).append(index)
    checked: dict[int, tuple[int, Wanted]] = {}
    for collection_id, indexes in by_collection.items():
        row = collection(db, collection_id)
        wanted = units.check(db, row, [body[index] for index in indexes])
        checked.update({index: (collection_id, unit) for index, unit in zip(indexes, wanted, strict=True)})
    return [checked[index] for index in range(len(body))]


def _refusal(wanted: Sequence[Wanted], *, one: bool) -> Refused | None:
    """Refused 400 in Django REST framework's shape: one object of problems per unit, empty for good ones."""
    if not any(unit.problems for unit in wanted):
        return None
    told: list[dict[str, list[str]]] = []
    for unit in wanted:
        problems: dict[str, list[str]] = {}
        for problem in unit.problems:
            problems.setdefault(problem.field.partition(".")[0], []).append(f"{problem.field}: {problem.message}")
        told.append(problems)
    return Refused(400, "Invalid input.", v1=told[0] if one else told)


def _make(backend: Backend, db: Database, collection_id: int, wanted: Wanted) -> int:
    if not backend.options.v2_knows_v1:
        wanted.salt = "v1"
    if backend.options.v1_repeat == "reuse":
        return units.find_or_create(db, collection_id, wanted)[0]
    return units.create(db, collection_id, wanted)


def _kept(backend: Backend, checked: list[tuple[int, Wanted]], scope: Scope) -> list[tuple[int, Wanted]]:
    """The units that are really wanted: without those that the options or a fault leave out silently."""
    if backend.options.v1_specs == "accept":
        for _, unit in checked:
            unit.problems = [problem for problem in unit.problems if problem.kind != "specs"]
    if backend.options.v1_unknown == "drop":
        checked = [
            (collection_id, unit)
            for collection_id, unit in checked
            if not any(problem.kind == "unknown_checksum" for problem in unit.problems)
        ]
    if fault := firing(scope, "silent_drop"):
        checked = checked[: max(0, len(checked) - fault.parameters["count"])]
    if fault := firing(scope, "partial"):
        checked = checked[: fault.parameters["count"]]
    return checked


async def create_units(backend: Backend, request: Request) -> Response:
    """POST data_units/: one unit object or a list of them; all or none are made, but for faults and options."""
    body = await read_json(request)
    one = isinstance(body, dict)
    if not one and not isinstance(body, list):
        raise Refused(400, "Invalid data. Expected a dictionary or a list.")
    with backend.store.transaction() as db:
        checked = _kept(backend, _check(db, [body] if one else body), request.scope)
        refusal = _refusal([unit for _, unit in checked], one=one)
        if refusal and backend.options.v1_atomic:
            raise refusal
        made = [_make(backend, db, collection_id, unit) for collection_id, unit in checked if not unit.problems]
        base = base_url(request)
        rows = [db.execute("SELECT * FROM units WHERE id = ?", (unit,)).fetchone() for unit in made]
        reply = [shown(backend, db, row, base) for row in rows]
    if refusal:
        raise refusal
    if fault := firing(request.scope, "partial"):
        return answer({"detail": "Internal server error."}, fault.parameters["code"])
    return reply_v1(backend, reply, one=one)


async def list_units(backend: Backend, request: Request) -> Response:
    """GET data_units/?data_collection=…: with files and meta; ordering=id begins with the oldest."""
    base = base_url(request)
    chosen = Selection("units", {"collection": asked_id_v1(backend, request, "data_collection")})
    with backend.store.reading() as db:
        return page_v1(backend, request, chosen, lambda row: listed(backend, db, row, base))


async def show_unit(backend: Backend, request: Request) -> Response:
    """GET data_units/{id}/."""
    with backend.store.reading() as db:
        row = db.execute("SELECT * FROM units WHERE id = ?", (request.path_params["unit_id"],)).fetchone()
        if row is None:
            raise Refused(404, "No DataUnit matches the given query.")
        return answer(row_v1(backend, listed(backend, db, row, base_url(request))))


TABLE = (
    ("POST", "/data_units/", create_units),
    ("GET", "/data_units/", list_units),
    ("GET", "/data_units/{unit_id:int}/", show_unit),
)
