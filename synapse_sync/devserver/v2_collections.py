"""v2: data collections with their groups (protocol §2.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver import catalogue
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer_v2, is_dry_run, read_object
from synapse_sync.devserver.filetypes import DISPLAY, EXTENSIONS
from synapse_sync.devserver.paging import Selection, page_v2
from synapse_sync.devserver.store import Database, Row

_ACCESS_LEVELS = ("public", "partially_public", "private")
CAUTION = "sensitive_content"
"""The published schema requires `caution` and admits no other value in an answer."""


def text_field(body: Mapping[str, Any], field: str, longest: int) -> str:
    """A required text of a request. Raises Refused 400."""
    value = body.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Refused(400, "Invalid input.", problems=[(field, f"must be a text of 1 to {longest} characters")])
    return value


def choice(body: Mapping[str, Any], field: str, choices: tuple[str, ...], default: str = "") -> str:
    """One of a few texts of a request. Raises Refused 400."""
    value = body.get(field, default)
    if value not in choices:
        raise Refused(400, "Invalid input.", problems=[(field, f"{value!r} is not one of {', '.join(choices)}")])
    return str(value)


def _listed(db: Database, row: Row) -> dict[str, Any]:
    projects = db.execute("SELECT count(*) FROM projects WHERE collection = ?", (row["id"],)).fetchone()[0]
    return {
        "id": row["id"],
        "name": row["name"],
        "category": row["category"],
        "category_display": DISPLAY[row["category"]],
        "access_level": row["access_level"],
        "is_archived": False,
        "created": row["created"],
        "count_projects": projects,
    }


def _detail(db: Database, row: Row) -> dict[str, Any]:
    return {
        **_listed(db, row),
        "tenant_id": 1,
        "description": row["description"],
        "meta": json.loads(row["meta"]),
        "caution": CAUTION,
        "file_specifications": [catalogue.spec_v2(spec) for spec in catalogue.spec_rows(db, row["id"])],
    }


async def list_collections(backend: Backend, request: Request) -> Response:
    """GET v2/data-collections/?category=…"""
    category = request.query_params.get("category") or None
    with backend.store.reading() as db:
        chosen = Selection("collections", {"category": category})
        return page_v2(backend, request, chosen, lambda row: _listed(db, row))


async def show_collection(backend: Backend, request: Request) -> Response:
    """GET v2/data-collections/{id}/: with specs and meta."""
    with backend.store.reading() as db:
        return answer_v2(backend, _detail(db, catalogue.collection(db, request.path_params["collection_id"])))


def _specs(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    specs = body.get("file_specifications")
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise Refused(400, "Invalid input.", problems=[("file_specifications", "must be a list of objects")])
    for spec in specs:
        text_field(spec, "name", 50)
        choice(spec, "file_type", tuple(EXTENSIONS))
    return specs


def _meta(body: Mapping[str, Any]) -> dict[str, Any]:
    meta = body.get("meta") or {}
    if not isinstance(meta, dict):
        raise Refused(400, "Invalid input.", problems=[("meta", "must be an object")])
    return meta


async def create_collection(backend: Backend, request: Request) -> Response:
    """POST v2/data-collections/."""
    body = await read_object(request)
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        collection_id = catalogue.create_collection(
            db,
            text_field(body, "name", 100),
            _specs(body),
            _meta(body),
            category=choice(body, "category", tuple(EXTENSIONS)),
            description=str(body.get("description", "")),
            access_level=choice(body, "access_level", _ACCESS_LEVELS, "private"),
        )
        detail = _detail(db, catalogue.collection(db, collection_id))
    return answer_v2(backend, detail, 201)


async def change_collection(backend: Backend, request: Request) -> Response:
    """PUT or PATCH v2/data-collections/{id}/: name, description, access level, meta and specs."""
    body = await read_object(request)
    collection_id = request.path_params["collection_id"]
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = catalogue.collection(db, collection_id)
        if request.method == "PUT":
            text_field(body, "name", 100)
            choice(body, "category", tuple(EXTENSIONS))
        changed = {**dict(row), "meta": json.loads(row["meta"]), **body}
        catalogue.check_schema(meta := _meta(changed))
        db.execute(
            "UPDATE collections SET name = ?, description = ?, access_level = ?, meta = ? WHERE id = ?",
            (
                text_field(changed, "name", 100),
                str(changed["description"]),
                choice(changed, "access_level", _ACCESS_LEVELS),
                json.dumps(meta),
                collection_id,
            ),
        )
        if "file_specifications" in body:
            catalogue.set_specs(db, collection_id, _specs(body))
        detail = _detail(db, catalogue.collection(db, collection_id))
    return answer_v2(backend, detail)


async def delete_collection(backend: Backend, request: Request) -> Response:
    """DELETE v2/data-collections/{id}/: with its units, groups and projects."""
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = catalogue.collection(db, request.path_params["collection_id"])
        db.execute("DELETE FROM collections WHERE id = ?", (row["id"],))
    return Response(status_code=204)


def _group(row: Row) -> dict[str, Any]:
    return {"id": row["id"], "name": row["name"]}


async def list_groups(backend: Backend, request: Request) -> Response:
    """GET v2/data-collections/{id}/groups/."""
    with backend.store.reading() as db:
        row = catalogue.collection(db, request.path_params["collection_id"])
    return page_v2(backend, request, Selection("groups", {"collection": row["id"]}), _group)


async def create_group(backend: Backend, request: Request) -> Response:
    """POST v2/data-collections/{id}/groups/: a group without parent; the one of that name where it is there."""
    name = text_field(await read_object(request), "name", 100)
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = catalogue.collection(db, request.path_params["collection_id"])
        group = catalogue.group_leaf(db, row["id"], [name])
    return answer_v2(backend, {"id": group, "data_collection_id": row["id"], "name": name}, 201)


def _find_group(db: Database, request: Request) -> Row:
    key = (request.path_params["collection_id"], request.path_params["group_id"])
    row: Row | None = db.execute("SELECT * FROM groups WHERE collection = ? AND id = ?", key).fetchone()
    if row is None:
        raise Refused(404, "No DataGroup matches the given query.")
    return row


async def show_group(backend: Backend, request: Request) -> Response:
    """GET v2/data-collections/{id}/groups/{id}/."""
    with backend.store.reading() as db:
        row = _find_group(db, request)
    return answer_v2(backend, {**_group(row), "data_collection_id": row["collection"]})


async def delete_group(backend: Backend, request: Request) -> Response:
    """DELETE v2/data-collections/{id}/groups/{id}/: its units stay, without group."""
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        row = _find_group(db, request)
        db.execute("UPDATE units SET group_id = 0 WHERE group_id = ?", (row["id"],))
        db.execute("DELETE FROM groups WHERE id = ?", (row["id"],))
    return Response(status_code=204)


_COLLECTION = "/v2/data-collections/{collection_id:int}/"
TABLE = (
    ("GET", "/v2/data-collections/", list_collections),
    ("POST", "/v2/data-collections/", create_collection),
    ("GET", _COLLECTION, show_collection),
    ("PUT", _COLLECTION, change_collection),
    ("PATCH", _COLLECTION, change_collection),
    ("DELETE", _COLLECTION, delete_collection),
    ("GET", _COLLECTION + "groups/", list_groups),
    ("POST", _COLLECTION + "groups/", create_group),
    ("GET", _COLLECTION + "groups/{group_id:int}/", show_group),
    ("DELETE", _COLLECTION + "groups/{group_id:int}/", delete_group),
)
