"""What is done to connections below ASGI: cutting one without an answer, and sending each answer in one piece.

uvicorn's HTTP protocol is subclassed to remember each connection's transport under the client's address, by which a
request's scope names it, and to put a buffer before it: uvicorn writes an answer's head and its body separately, which
for small answers is twice the system calls and twice the wake-ups of the client.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_LARGE = 1 << 16


class _Gathering:
    """A transport whose writes within one turn of the event loop go out together."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pending: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the data at the end of this turn, or now where it is large."""
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)
        if len(data) >= _LARGE:
            self._flush()

    def close(self) -> None:
        """Close after what has been written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pending:
            data, self._pending = b"".join(self._pending), []
            self._transport.write(data)


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
                self.transport = _Gathering(transport)  # type: ignore[assignment]
                transports[self.client] = self.transport

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
        await disconnected(receive)


async def disconnected(receive: Receive) -> None:
    """Return when the request's connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass
