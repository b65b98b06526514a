"""Cutting a connection without an answer, which ASGI has no word for.

uvicorn's HTTP protocol is subclassed only to remember each connection's transport under the client's address, by which
a request's scope names it.
"""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connections:
    """The open connections of one server."""

    def __init__(self) -> None:
        self._transports: dict[object, asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """The HTTP protocol class to give to uvicorn as `http`."""
        transports = self._transports

        class Tracked(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.client, None)
                super().connection_lost(exc)

        return Tracked

    async def cut(self, scope: Scope, receive: Receive, *, flush: bool = False) -> None:
        """Close the request's connection: at once (a reset), or after what has been written (`flush`)."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None:
            if flush:
                transport.close()
            else:
                transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
