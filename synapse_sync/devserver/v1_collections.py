"""v1: data collections, projects and storages, for reading (protocol §2.1 rows 1 to 3, 16 to 18)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver import catalogue
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer, read_object, row_v1
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


def _storage(backend: Backend, *, with_configuration: bool = False) -> dict[str, Any]:
    """The one storage there is; its credentials are never told."""
    return {
        "id": 1,
        "name": "devserver",
        "category": "internal",
        "provider": backend.options.provider,
        "configuration": {"bucket_name": "devserver"} if with_configuration else {},
        "is_default": True,
    }


def _check_storage(request: Request) -> None:
    if request.path_params["storage_id"] != 1:
        raise Refused(404, "No Storage matches the given query.")


async def list_storages(backend: Backend, request: Request) -> Response:
    """GET storages/?category=internal: a plain list."""
    internal = request.query_params.get("category", "internal") == "internal"
    return answer([_storage(backend)] if internal else [])


async def show_storage(backend: Backend, request: Request) -> Response:
    """GET storages/{id}/?with_configuration=true."""
    _check_storage(request)
    return answer(_storage(backend, with_configuration=request.query_params.get("with_configuration") == "true"))


async def open_session(backend: Backend, request: Request) -> Response:
    """POST storages/{id}/session/: a description without credentials, since this storage takes signed URLs only."""
    _check_storage(request)
    if (await read_object(request)).get("purpose") not in ("read", "write"):
        raise Refused(400, "purpose", v1={"purpose": ["Must be read or write."]})
    if backend.options.provider not in ("amazon_s3", "minio"):
        raise Refused(400, "provider", v1={"code": "provider_unsupported", "detail": "This provider has no sessions."})
    expires = datetime.now(UTC) + timedelta(hours=1)
    configuration = _storage(backend, with_configuration=True)["configuration"]
    return answer(
        {
            "provider": backend.options.provider,
            "configuration": configuration,
            "expires_at": expires.isoformat(),
            "contract_version": 1,
        }
    )


TABLE = (
    ("GET", "/data_collections/", list_collections),
    ("GET", "/data_collections/{collection_id:int}/", show_collection),
    ("GET", "/projects/{project_id:int}/", show_project),
    ("GET", "/storages/", list_storages),
    ("GET", "/storages/{storage_id:int}/", show_storage),
    ("POST", "/storages/{storage_id:int}/session/", open_session),
)
