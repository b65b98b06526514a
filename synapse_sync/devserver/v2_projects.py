"""v2: projects (protocol §2.2)."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver import catalogue
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import answer_v2, is_dry_run, read_object
from synapse_sync.devserver.filetypes import DISPLAY
from synapse_sync.devserver.paging import Selection, asked_id, page_v2
from synapse_sync.devserver.store import Database, Row
from synapse_sync.devserver.v2_collections import CAUTION, choice, text_field

_CATEGORIES = ("image", "video", "audio", "text", "pcd", "prompt", "time_series")


def _listed(db: Database, row: Row) -> dict[str, Any]:
    tasks = db.execute("SELECT count(*) FROM tasks WHERE project = ?", (row["id"],)).fetchone()[0]
    return {
        "id": row["id"],
        "title": row["title"],
        "category": row["category"],
        "category_display": DISPLAY.get(row["category"], row["category"]),
        "created": row["created"],
        "is_archived": False,
        "task_count": tasks,
    }


def _detail(db: Database, row: Row) -> dict[str, Any]:
    """data_collection_id is 0 for a project without collection: the published schema does not admit null."""
    return {
        **_listed(db, row),
        "tenant_id": 1,
        "data_collection_id": row["collection"] or 0,
        "description": row["description"],
        "configuration": json.loads(row["configuration"]),
        "settings": {},
        "caution": CAUTION,
        "access_level": "private",
        "count_max_assignments_per_task": 0,
        "can_discard": False,
        "enable_workforce": False,
    }


async def list_projects(backend: Backend, request: Request) -> Response:
    """GET v2/projects/?data_collection=…&category=…"""
    category = request.query_params.get("category") or None
    chosen = Selection("projects", {"collection": asked_id(request, "data_collection"), "category": category})
    with backend.store.reading() as db:
        return page_v2(backend, request, chosen, lambda row: _listed(db, row))


async def show_project(backend: Backend, request: Request) -> Response:
    """GET v2/projects/{id}/."""
    with backend.store.reading() as db:
        return answer_v2(backend, _detail(db, catalogue.project(db, request.path_params["project_id"])))


async def create_project(backend: Backend, request: Request) -> Response:
    """POST v2/projects/."""
    body = await read_object(request)
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        project_id = catalogue.create_project(
            db,
            text_field(body, "title", 200),
            body.get("data_collection"),
            category=choice(body, "category", _CATEGORIES),
            description=str(body.get("description", "")),
            configuration=body.get("configuration"),
        )
        detail = _detail(db, catalogue.project(db, project_id))
    return answer_v2(backend, detail, 201)


TABLE = (
    ("GET", "/v2/projects/", list_projects),
    ("POST", "/v2/projects/", create_project),
    ("GET", "/v2/projects/{project_id:int}/", show_project),
)
