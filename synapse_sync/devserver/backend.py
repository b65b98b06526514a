"""What every endpoint works with, and how an endpoint is attached to a path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import Request, Response
from starlette.routing import BaseRoute, Route

from synapse_sync.devserver.contents import Contents
from synapse_sync.devserver.faults import FaultPlan
from synapse_sync.devserver.options import Options
from synapse_sync.devserver.store import Store
from synapse_sync.devserver.traffic import Traffic


@dataclass(slots=True)
class Backend:
    """One running backend: its settings, its state on disk, what it counts and what it gets wrong on purpose."""

    options: Options
    store: Store
    contents: Contents
    traffic: Traffic
    faults: FaultPlan
    storage_port: int = 0
    """The port of the object storage, known once it listens."""


Endpoint = Callable[[Backend, Request], Awaitable[Response]]
Table = Sequence[tuple[str, str, Endpoint]]
"""Rows of (method, path, endpoint). Plain routes, not FastAPI's declared parameters: the upload, verify and unit routes
are hot, and their answers to bad input must have the real backend's shapes rather than FastAPI's."""


def routes(backend: Backend, table: Table) -> list[BaseRoute]:
    """The table's rows as routes of an application."""
    return [Route(path, partial(endpoint, backend), methods=[method]) for method, path, endpoint in table]


def base_url(request: Request) -> str:
    """Scheme, host and port by which the client calls us, without a slash at the end: what absolute URLs begin with."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '127.0.0.1')}"
