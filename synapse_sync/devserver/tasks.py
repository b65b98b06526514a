"""Tasks of v1 (repeats make duplicates) and v2 (repeats are skipped) (protocol §6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver import catalogue, units
from synapse_sync.devserver.backend import Backend, base_url
from synapse_sync.devserver.envelope import (
    Refused,
    answer,
    answer_v2,
    is_dry_run,
    read_object,
    reply_v1,
    row_v1,
)
from synapse_sync.devserver.media import media_url
from synapse_sync.devserver.paging import Selection, asked_id, asked_id_v1, page_v1, page_v2
from synapse_sync.devserver.store import Database, Row, now
from synapse_sync.devserver.v2_units import whole_number

_MOST_CREATED = 1000
_MOST_FETCHED = 200


def _task(row: Row) -> dict[str, Any]:
    """A task as v1 and the control interface tell it."""
    return {"id": row["id"], "project": row["project"], "data_unit": row["unit"], "created": row["created"]}


def listed(db: Database, project_id: int) -> list[dict[str, Any]]:
    """All tasks of a project, oldest first."""
    return [_task(row) for row in db.execute("SELECT * FROM tasks WHERE project = ? ORDER BY id", (project_id,))]


def _listed_v2(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "project_id": row["project"],
        "data_unit_id": row["unit"],
        "is_discarded": False,
        "has_data": False,
        "created": row["created"],
    }


def _detail_v2(row: Row) -> dict[str, Any]:
    """workshop_id is 0 for a task in no workshop: the published schema does not admit null."""
    meta = json.loads(row["meta"])
    return {**_listed_v2(row), "workshop_id": 0, "meta": meta, "data": None, "schema": "dm_schema_v1"}


def _check_units(db: Database, project: Row, unit_ids: Sequence[int]) -> None:
    """All units are there and belong to the project's collection. Raises Refused 400 for all of them otherwise."""
    found = db.execute(
        "SELECT id, collection FROM units WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(unit_ids)),)
    ).fetchall()
    missing = sorted(set(unit_ids) - {row["id"] for row in found})
    if missing:
        raise Refused(400, "Invalid input.", problems=[("data_unit_ids", f"there is no data unit {missing[0]}")])
    if any(row["collection"] != project["collection"] for row in found):
        words = "the data units do not belong to the project's data collection"
        raise Refused(400, "Invalid input.", problems=[("data_unit_ids", words)])


def _insert(db: Database, project_id: int, unit_ids: Sequence[int], meta: object = None) -> list[Row]:
    made = []
    for unit in unit_ids:
        task = db.execute(
            "INSERT INTO tasks (project, unit, meta, created) VALUES (?, ?, ?, ?)",
            (project_id, unit, json.dumps(meta), now()),
        ).lastrowid
        made.append(db.execute("SELECT * FROM tasks WHERE id = ?", (task,)).fetchone())
    return made


def _insert_missing(db: Database, project_id: int, unit_ids: Sequence[int]) -> dict[str, int]:
    """Make a task for each unit that has none in the project; how many were made and how many skipped."""
    there = {row["unit"] for row in db.execute("SELECT unit FROM tasks WHERE project = ?", (project_id,))}
    wanted = [unit for unit in dict.fromkeys(unit_ids) if unit not in there]
    _insert(db, project_id, wanted)
    return {"created_count": len(wanted), "skipped_count": len(unit_ids) - len(wanted)}


async def create_v1(backend: Backend, request: Request) -> Response:
    """POST tasks/: {"project", "data": [{"data_unit"}, …]}; the same request again makes the same tasks again."""
    body = await read_object(request)
    data = body.get("data")
    if not isinstance(data, list) or not all(isinstance(d, dict) and isinstance(d.get("data_unit"), int) for d in data):
        raise Refused(400, "data", v1={"data": ["Expected a list of objects with data_unit."]})
    with backend.store.transaction() as db:
        project = catalogue.project(db, whole_number(body, "project"))
        unit_ids = [item["data_unit"] for item in data]
        _check_units(db, project, unit_ids)
        made = _insert(db, project["id"], unit_ids)
    return reply_v1(backend, [_task(row) for row in made])


async def list_v1(backend: Backend, request: Request) -> Response:
    """GET tasks/ and sdk/tasks/: ?project=…"""
    chosen = Selection("tasks", {"project": asked_id_v1(backend, request, "project")})
    return page_v1(backend, request, chosen, _task)


async def create_for_units(backend: Backend, request: Request) -> Response:
    """POST data_units/create_tasks/?data_collection=… with {"project"}: a task for each unit that has none yet.

    The real endpoint is mentioned but not described anywhere; its name and filter are all that is known of it.
    """
    body = await read_object(request)
    with backend.store.transaction() as db:
        project = catalogue.project(db, whole_number(body, "project"))
        asked = asked_id(request, "data_collection")
        if asked is not None and asked != project["collection"]:
            raise Refused(400, "The data units do not belong to the project's data collection.")
        rows = db.execute("SELECT id FROM units WHERE collection = ? ORDER BY id", (project["collection"],))
        return answer(_insert_missing(db, project["id"], [row["id"] for row in rows]), 201)


def _find(db: Database, request: Request) -> Row:
    row: Row | None = db.execute("SELECT * FROM tasks WHERE id = ?", (request.path_params["task_id"],)).fetchone()
    if row is None:
        raise Refused(404, "No Task matches the given query.")
    return row


async def show_v1(backend: Backend, request: Request) -> Response:
    """GET tasks/{id}/."""
    with backend.store.reading() as db:
        return answer(row_v1(backend, _task(_find(db, request))))


async def bulk_create(backend: Backend, request: Request) -> Response:
    """POST v2/tasks/bulk-create/: one task per unit that has none in the project yet."""
    body = await read_object(request)
    ids = body.get("data_unit_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_CREATED or not all(isinstance(i, int) for i in ids):
        words = f"must be a list of 1 to {_MOST_CREATED} data unit ids"
        raise Refused(400, "Invalid input.", problems=[("data_unit_ids", words)])
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        project_id = whole_number(body, "project")
        project = db.execute("SELECT * FROM projects WHERE id = ?", (project_id,)).fetchone()
        if project is None:
            raise Refused(400, "Invalid input.", problems=[("project", f'Invalid pk "{project_id}".')])
        _check_units(db, project, ids)
        return answer_v2(backend, _insert_missing(db, project_id, ids), 201)


async def create_v2(backend: Backend, request: Request) -> Response:
    """POST v2/tasks/: one task, each time a new one."""
    body = await read_object(request)
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        project = catalogue.project(db, whole_number(body, "project"))
        unit = whole_number(body, "data_unit")
        _check_units(db, project, [unit])
        made = _insert(db, project["id"], [unit], body.get("meta"))[0]
    return answer_v2(backend, _detail_v2(made), 201)


async def list_v2(backend: Backend, request: Request) -> Response:
    """GET v2/tasks/?project=…&has_data=…&is_discarded=…; no task here has data or is discarded."""
    query = request.query_params
    none = "true" in (query.get("has_data", "").lower(), query.get("is_discarded", "").lower())
    chosen = Selection("tasks", {"project": asked_id(request, "project")}, condition="0" if none else "1")
    return page_v2(backend, request, chosen, _listed_v2)


async def show_v2(backend: Backend, request: Request) -> Response:
    """GET v2/tasks/{id}/."""
    with backend.store.reading() as db:
        return answer_v2(backend, _detail_v2(_find(db, request)))


async def bulk_fetch(backend: Backend, request: Request) -> Response:
    """POST v2/tasks/bulk-fetch/: tasks in the order asked; unknown ids are left out silently."""
    ids = (await read_object(request)).get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(i, int) for i in ids):
        raise Refused(400, "Invalid input.", problems=[("ids", "must be a list of ids that is not empty")])
    if len(ids) > _MOST_FETCHED:
        raise Refused(400, f"at most {_MOST_FETCHED} ids", code="ids_limit_exceeded")
    base = base_url(request)
    with backend.store.reading() as db:
        rows = [db.execute("SELECT * FROM tasks WHERE id = ?", (task,)).fetchone() for task in ids]
        results = [
            {
                "id": row["id"],
                "project_id": row["project"],
                "data_unit_id": row["unit"],
                "data": "",
                "files_manifest": {
                    file["spec"]: media_url(backend, base, file, file["path"])
                    for file in units.files_of(db, row["unit"])
                },
            }
            for row in rows
            if row is not None
        ]
    if not backend.options.envelope:
        return answer({"next": None, "previous": None, "results": results})
    return answer_v2(backend, results)


TABLE = (
    ("POST", "/tasks/", create_v1),
    ("POST", "/data_units/create_tasks/", create_for_units),
    ("GET", "/tasks/", list_v1),
    ("GET", "/sdk/tasks/", list_v1),
    ("GET", "/tasks/{task_id:int}/", show_v1),
    ("POST", "/v2/tasks/bulk-create/", bulk_create),
    ("POST", "/v2/tasks/bulk-fetch/", bulk_fetch),
    ("GET", "/v2/tasks/", list_v2),
    ("POST", "/v2/tasks/", create_v2),
    ("GET", "/v2/tasks/{task_id:int}/", show_v2),
)
