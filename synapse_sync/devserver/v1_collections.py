"""v1: data collections and projects, for reading (protocol §2.1 rows 1 to 3)."""

from __future__ import annotations

import json

from fastapi import Request, Response

from synapse_sync.devserver import catalogue
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import answer, row_v1
from synapse_sync.devserver.paging import Selection, page_v1


async def list_collections(backend: Backend, request: Request) -> Response:
    """GET data_collections/."""
    return page_v1(backend, request, Selection("collections"), catalogue.collection_v1)


async def show_collection(backend: Backend, request: Request) -> Response:
    """GET data_collections/{id}/; with expand=file_specifications also the specs."""
    with backend.store.reading() as db:
        row = catalogue.collection(db, request.path_params["collection_id"])
        body = catalogue.collection_v1(row)
        if "file_specifications" in request.query_params.get("expand", "").split(","):
            body["file_specifications"] = [catalogue.spec_v1(spec) for spec in catalogue.spec_rows(db, row["id"])]
    return answer(row_v1(backend, body))


async def show_project(backend: Backend, request: Request) -> Response:
    """GET projects/{id}/."""
    with backend.store.reading() as db:
        row = catalogue.project(db, request.path_params["project_id"])
    project = {
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "category": row["category"],
        "data_collection": row["collection"],
        "configuration": json.loads(row["configuration"]),
        "created": row["created"],
    }
    return answer(row_v1(backend, project))


TABLE = (
    ("GET", "/data_collections/", list_collections),
    ("GET", "/data_collections/{collection_id:int}/", show_collection),
    ("GET", "/projects/{project_id:int}/", show_project),
)
