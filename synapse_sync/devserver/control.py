"""Controls under /_dev/ for tests and scripts in another process; the same things that DevServer's methods do.

GET    /_dev/stats                      POST /_dev/stats/reset
POST   /_dev/collections                {"name", "specs": [{"name", "file_type", …}], "meta_schema"?} -> {"id"}
POST   /_dev/projects                   {"name", "collection"} -> {"id"}
POST   /_dev/storages                   {"name", "provider", "configuration"} -> {"id"}
GET    /_dev/collections/{id}/units     GET  /_dev/projects/{id}/tasks
GET    /_dev/faults                     DELETE /_dev/faults
GET    /_dev/events?after=ID            what has happened to the data since that event (events.py)
POST   /_dev/faults                     {"route", "kind", "times"?, "after"?, …the kind's parameters}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver import catalogue, datafiles, events, tasks, units, v1_storages
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer, number, read_object
from synapse_sync.errors import UsageError


def create_collection(
    backend: Backend, name: str, specs: Sequence[Mapping[str, Any]], meta_schema: Mapping[str, Any] | None
) -> int:
    """Make a data collection and return its id; `specs` need name and file_type."""
    meta = {} if meta_schema is None else {catalogue.META_SCHEMA: meta_schema}
    with backend.store.transaction() as db:
        return catalogue.create_collection(db, name, specs, meta)


def create_project(backend: Backend, name: str, collection: int) -> int:
    """Make a project over a collection and return its id."""
    with backend.store.transaction() as db:
        return catalogue.create_project(db, name, collection)


def create_storage(backend: Backend, name: str, provider: str, configuration: Mapping[str, Any]) -> int:
    """Make a storage that files are read from and return its id."""
    with backend.store.transaction() as db:
        return v1_storages.create_storage(db, name, provider, configuration)


def change_storage(backend: Backend, number: int, name: str, provider: str, configuration: Mapping[str, Any]) -> None:
    """Give a storage that was made another name, place or credentials."""
    with backend.store.transaction() as db:
        v1_storages.change_storage(db, number, name, provider, configuration)


def units_of(backend: Backend, collection: int) -> list[dict[str, Any]]:
    """All units of a collection, oldest first: id, files, meta, groups, created."""
    with backend.store.reading() as db:
        rows = db.execute("SELECT * FROM units WHERE collection = ? ORDER BY id", (collection,)).fetchall()
        return [units.described(db, row) for row in rows]


def tasks_of(backend: Backend, project: int) -> list[dict[str, Any]]:
    """All tasks of a project, oldest first: id, project, data_unit, created."""
    with backend.store.reading() as db:
        return tasks.listed(db, project)


def stats(backend: Backend) -> dict[str, Any]:
    """Requests per route and bytes received since the last reset, and how many data files and units there are."""
    with backend.store.reading() as db:
        data_files = db.execute("SELECT count(*) FROM data_files").fetchone()[0]
        all_units = db.execute("SELECT count(*) FROM units").fetchone()[0]
    return {
        "requests": dict(backend.traffic.requests),
        "bytes_received": backend.traffic.bytes_received,
        "data_files": data_files,
        "units": all_units,
    }


def events_of(backend: Backend, after: int = 0) -> list[dict[str, Any]]:
    """What has happened to the data, oldest first: id, at, kind, detail."""
    with backend.store.reading() as db:
        return events.recorded(db, after)


def add_foreign(backend: Backend, content: bytes, algorithm: datafiles.Algorithm | None = None) -> str:
    """Store a data file that belongs to others, and return its checksum."""
    arriving = backend.contents.arriving()
    arriving.write(content)
    kept = arriving.keep()
    checksum: str = getattr(kept, algorithm) if algorithm else datafiles.address(backend, kept)
    with backend.store.transaction() as db:
        datafiles.add_foreign(db, checksum, kept)
    return checksum


async def _stats(backend: Backend, _request: Request) -> Response:
    return answer(stats(backend))


async def _reset(backend: Backend, _request: Request) -> Response:
    backend.traffic.reset()
    return answer(stats(backend))


async def _create_collection(backend: Backend, request: Request) -> Response:
    body = await read_object(request)
    try:
        made = create_collection(backend, body["name"], body["specs"], body.get("meta_schema"))
    except (KeyError, TypeError) as error:
        raise Refused(400, f"name, and specs with name and file_type, are needed: {error}") from None
    return answer({"id": made}, 201)


async def _create_project(backend: Backend, request: Request) -> Response:
    body = await read_object(request)
    try:
        return answer({"id": create_project(backend, body["name"], body["collection"])}, 201)
    except KeyError as error:
        raise Refused(400, f"name and collection are needed: {error}") from None


async def _create_storage(backend: Backend, request: Request) -> Response:
    body = await read_object(request)
    try:
        made = create_storage(backend, body["name"], body["provider"], body["configuration"])
    except KeyError as error:
        raise Refused(400, f"name, provider and configuration are needed: {error}") from None
    return answer({"id": made}, 201)


async def _units(backend: Backend, request: Request) -> Response:
    return answer(units_of(backend, request.path_params["id"]))


async def _tasks(backend: Backend, request: Request) -> Response:
    return answer(tasks_of(backend, request.path_params["id"]))


async def _events(backend: Backend, request: Request) -> Response:
    return answer(events_of(backend, number(request.query_params.get("after"), 0, lowest=0, highest=1 << 62)))


async def _faults(backend: Backend, _request: Request) -> Response:
    return answer(backend.faults.listed())


async def _add_fault(backend: Backend, request: Request) -> Response:
    body = await read_object(request)
    try:
        backend.faults.add(**body)
    except (TypeError, UsageError) as error:
        raise Refused(400, str(error)) from None
    return answer(backend.faults.listed(), 201)


async def _clear_faults(backend: Backend, _request: Request) -> Response:
    backend.faults.clear()
    return Response(status_code=204)


TABLE = (
    ("GET", "/_dev/stats", _stats),
    ("POST", "/_dev/stats/reset", _reset),
    ("POST", "/_dev/collections", _create_collection),
    ("GET", "/_dev/collections/{id:int}/units", _units),
    ("POST", "/_dev/projects", _create_project),
    ("POST", "/_dev/storages", _create_storage),
    ("GET", "/_dev/projects/{id:int}/tasks", _tasks),
    ("GET", "/_dev/events", _events),
    ("GET", "/_dev/faults", _faults),
    ("POST", "/_dev/faults", _add_fault),
    ("DELETE", "/_dev/faults", _clear_faults),
)
