"""v2: data units, made in bulk and idempotently, and data files (protocol §2.2, §5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver import catalogue, datafiles, units
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer_v2, is_dry_run, read_object
from synapse_sync.devserver.paging import Selection, asked_id, page_v2
from synapse_sync.devserver.store import Database, Row
from synapse_sync.devserver.units import Wanted

MOST_UNITS = 1000


def whole_number(body: Mapping[str, Any], field: str) -> int:
    """A required integer of a request. Raises Refused 400."""
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(400, "Invalid input.", problems=[(field, "A valid integer is required.")])
    return value


async def bulk_create(backend: Backend, request: Request) -> Response:
    """POST v2/data-units/bulk-create/: all or nothing, in the order asked; equal compositions are reused."""
    body = await read_object(request)
    collection_id = whole_number(body, "data_collection")
    wanted_units = body.get("units")
    if not isinstance(wanted_units, list) or not 1 <= len(wanted_units) <= MOST_UNITS:
        raise Refused(400, "Invalid input.", problems=[("units", f"must be a list of 1 to {MOST_UNITS} units")])
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = _collection(db, collection_id)
        checked = units.check(db, row, wanted_units)
        problems = [
            (f"units[{index}].{problem.field}", problem.message)
            for index, unit in enumerate(checked)
            for problem in unit.problems
        ]
        if problems:
            raise Refused(400, f"{problems[0][0]}: {problems[0][1]}", problems=problems)
        results = [_make(backend, db, collection_id, unit) for unit in checked]
    created = sum(result["created"] for result in results)
    counts = {"created_count": created, "reused_count": len(results) - created}
    return answer_v2(backend, {"results": results, **counts}, 201)


def _collection(db: Database, collection_id: int) -> Row:
    """The collection named in a body, where a missing one is bad input (400), not a missing page."""
    try:
        return catalogue.collection(db, collection_id)
    except Refused:
        message = f'Invalid pk "{collection_id}" - object does not exist.'
        raise Refused(400, message, problems=[("data_collection", message)]) from None


def _make(backend: Backend, db: Database, collection_id: int, wanted: Wanted) -> dict[str, Any]:
    unit, created = units.find_or_create(db, collection_id, wanted)
    if not created and backend.options.v2_reuse_meta == "replace":
        units.set_meta(db, unit, wanted.meta)
    return {"data_unit_id": unit, "checksum": wanted.checksum, "created": created}


def _listed(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "data_collection_id": row["collection"],
        "checksum": row["checksum"],
        "created": row["created"],
    }


def _detail(row: Row) -> dict[str, Any]:
    """group_id is 0 for a unit without group: the published schema does not admit null."""
    return {**_listed(row), "group_id": row["group_id"], "meta": json.loads(row["meta"])}


async def list_units(backend: Backend, request: Request) -> Response:
    """GET v2/data-units/?data_collection=…"""
    chosen = Selection("units", {"collection": asked_id(request, "data_collection")})
    return page_v2(backend, request, chosen, _listed)


def _unit(db: Database, request: Request) -> Row:
    row: Row | None = db.execute("SELECT * FROM units WHERE id = ?", (request.path_params["unit_id"],)).fetchone()
    if row is None:
        raise Refused(404, "No DataUnit matches the given query.")
    return row


async def show_unit(backend: Backend, request: Request) -> Response:
    """GET v2/data-units/{id}/: with meta, without files."""
    with backend.store.reading() as db:
        return answer_v2(backend, _detail(_unit(db, request)))


def _check_meta(collection_row: Row, meta: Any) -> None:
    problems = [("meta", message) for message in catalogue.meta_problems(collection_row, meta)]
    if problems:
        raise Refused(400, f"meta: {problems[0][1]}", problems=problems)


def _check_group(db: Database, collection_id: int, group: object) -> int:
    if group is None:
        return 0
    found = db.execute("SELECT id FROM groups WHERE id = ? AND collection = ?", (group, collection_id)).fetchone()
    if found is None:
        raise Refused(400, "Invalid input.", problems=[("group", f'Invalid pk "{group}" - object does not exist.')])
    return int(found["id"])


async def create_unit(backend: Backend, request: Request) -> Response:
    """POST v2/data-units/: a unit without files, as the real API has it."""
    body = await read_object(request)
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = _collection(db, whole_number(body, "data_collection"))
        _check_meta(row, body.get("meta", {}))
        unit = units.create(db, row["id"], Wanted(meta=body.get("meta", {})))
        group = _check_group(db, row["id"], body.get("group"))
        db.execute("UPDATE units SET group_id = ? WHERE id = ?", (group, unit))
        made = db.execute("SELECT * FROM units WHERE id = ?", (unit,)).fetchone()
    return answer_v2(backend, _detail(made), 201)


async def change_unit(backend: Backend, request: Request) -> Response:
    """PUT or PATCH v2/data-units/{id}/: meta and group; PUT wants data_collection named."""
    body = await read_object(request)
    if request.method == "PUT":
        whole_number(body, "data_collection")
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = _unit(db, request)
        collection_row = catalogue.collection(db, row["collection"])
        if "meta" in body:
            _check_meta(collection_row, body["meta"])
            units.set_meta(db, row["id"], body["meta"])
        if "group" in body:
            group = _check_group(db, row["collection"], body["group"])
            db.execute("UPDATE units SET group_id = ? WHERE id = ?", (group, row["id"]))
        changed = _unit(db, request)
    return answer_v2(backend, _detail(changed))


async def delete_unit(backend: Backend, request: Request) -> Response:
    """DELETE v2/data-units/{id}/: with its tasks; its data files stay."""
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        db.execute("DELETE FROM units WHERE id = ?", (_unit(db, request)["id"],))
    return Response(status_code=204)


async def list_data_files(backend: Backend, request: Request) -> Response:
    """GET v2/data-files/?checksum=…&data_collection=…; the latter only finds files that units of it have."""
    collection_id = asked_id(request, "data_collection")
    bound = (
        "EXISTS (SELECT 1 FROM unit_files f JOIN units u ON u.id = f.unit"
        " WHERE f.data_file = data_files.id AND u.collection = :collection)"
    )
    chosen = Selection(
        "data_files",
        {"checksum": request.query_params.get("checksum") or None},
        condition="is_foreign <= :foreign" + ("" if collection_id is None else f" AND {bound}"),
        parameters={"collection": collection_id, "foreign": datafiles.tells_foreign(backend)},
    )
    return page_v2(backend, request, chosen, datafiles.listed_v2)


async def show_data_file(backend: Backend, request: Request) -> Response:
    """GET v2/data-files/{id}/."""
    with backend.store.reading() as db:
        asked = (request.path_params["file_id"], datafiles.tells_foreign(backend))
        row = db.execute("SELECT * FROM data_files WHERE id = ? AND is_foreign <= ?", asked).fetchone()
    if row is None:
        raise Refused(404, "No DataFile matches the given query.")
    return answer_v2(backend, {**datafiles.listed_v2(row), "meta": {"name": row["name"]}, "storage_id": 1})


TABLE = (
    ("POST", "/v2/data-units/bulk-create/", bulk_create),
    ("GET", "/v2/data-units/", list_units),
    ("POST", "/v2/data-units/", create_unit),
    ("GET", "/v2/data-units/{unit_id:int}/", show_unit),
    ("PUT", "/v2/data-units/{unit_id:int}/", change_unit),
    ("PATCH", "/v2/data-units/{unit_id:int}/", change_unit),
    ("DELETE", "/v2/data-units/{unit_id:int}/", delete_unit),
    ("GET", "/v2/data-files/", list_data_files),
    ("GET", "/v2/data-files/{file_id:int}/", show_data_file),
)
