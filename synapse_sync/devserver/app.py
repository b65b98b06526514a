"""The API as one ASGI application: routes, errors in each API's shape, redirects to the path with its slash."""

from __future__ import annotations

import re

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from synapse_sync.devserver import (
    accounts,
    control,
    media,
    object_storage,
    pages,
    presigned,
    tasks,
    v1_chunked,
    v1_collections,
    v1_files,
    v1_storages,
    v1_units,
    v2_collections,
    v2_projects,
    v2_schemas,
    v2_units,
)
from synapse_sync.devserver.auth import Authentication
from synapse_sync.devserver.backend import Backend, routes
from synapse_sync.devserver.connections import Connections
from synapse_sync.devserver.envelope import Refused, answer, refusal
from synapse_sync.devserver.misbehave import Misbehaviour, api_key
from synapse_sync.devserver.traffic import route_key

_TABLES = (
    v1_files.TABLE,  # the hot ones first: routes are tried in order
    presigned.TABLE,
    v1_chunked.TABLE,
    v1_units.TABLE,
    v2_units.TABLE,
    tasks.TABLE,
    v1_collections.TABLE,
    v1_storages.TABLE,
    v2_collections.TABLE,
    v2_projects.TABLE,
    v2_schemas.TABLE,
    accounts.TABLE,
    media.TABLE,
    pages.TABLE,
    control.TABLE,
)


_PARAMETER = re.compile(r"\{[^}]*\}")


def api(backend: Backend, connections: Connections) -> ASGIApp:
    """The application that answers for both API versions, with authentication and fault switches before it."""
    all_routes = [route for table in _TABLES for route in routes(backend, table)]

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slash = _with_slash(request, all_routes) if error.status_code == 404 else None
        if slash is not None:
            return slash
        refused = error if isinstance(error, Refused) else None
        return refusal(request.url.path, error.status_code, str(error.detail), refused)

    app = FastAPI(
        routes=all_routes,
        redirect_slashes=False,
        openapi_url=None,
        exception_handlers={
            404: refuse,
            405: refuse,
            HTTPException: refuse,
            ClientDisconnect: _gone,
            OverflowError: _unstorable,
        },
    )
    return Misbehaviour(_without(Authentication(app, backend), backend), backend, connections, api_key)


def _without(app: ASGIApp, backend: Backend) -> ASGIApp:
    """The application of a backend that lacks what the options switch off: it answers 404 as v1 does, to anybody."""

    def lacks(path: str) -> bool:
        options = backend.options
        return (
            (not options.v2 and path.startswith("/v2/"))
            or (not options.verify and path.startswith("/data_files/verify_checksums/"))
            or (not options.sessions and path.endswith("/session/"))
        )

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and lacks(scope["path"]):
            await answer({"detail": "Not found."}, 404)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answering


def route_keys() -> tuple[str, ...]:
    """The names of all routes of both ports, as statistics and fault switches use them; without the controls."""
    tables = [table for table in _TABLES if table is not control.TABLE]
    rows = [(method, path) for table in tables for method, path, _ in table]
    api_keys = [route_key(method, _PARAMETER.sub("0", path)) for method, path in rows]
    return (*dict.fromkeys(api_keys), *object_storage.ROUTE_KEYS)


async def _unstorable(request: Request, error: Exception) -> Response:
    """A number beyond 64 bits: valid JSON, or a valid path, that no database takes."""
    return refusal(request.url.path, 400, f"A value of the request can't be stored: {error}")


async def _gone(_request: Request, _error: Exception) -> Response:
    """The client has left in the middle of its body; nobody reads this answer."""
    return Response(status_code=400)


def _with_slash(request: Request, all_routes: list[BaseRoute]) -> Response | None:
    """A redirect where only the slash at the end is missing, as Django does it: 301, which turns a POST into a GET."""
    path = request.url.path
    if path.endswith("/"):
        return None
    scope = {**request.scope, "path": path + "/"}
    if all(route.matches(scope)[0] is Match.NONE for route in all_routes):
        return None
    return RedirectResponse(request.url.replace(path=path + "/"), 301)
