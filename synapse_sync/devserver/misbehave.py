"""ASGI middleware that counts every request and lets faults happen to the ones that a switch fires for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.connections import Connections, disconnected
from synapse_sync.devserver.envelope import refusal
from synapse_sync.devserver.faults import Fault
from synapse_sync.devserver.traffic import route_key

_CONTROL = "/_dev/"
_HTML = "<html><head><title>{code} {words}</title></head><body><center><h1>{code} {words}</h1></center>"


@dataclass(slots=True)
class _Captured:
    """An answer that has not been sent yet."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] | None = None
    body: bytes = b""

    async def send(self, send: Send) -> None:
        length = [(b"content-length", str(len(self.body)).encode())]
        headers = [pair for pair in self.headers or [] if pair[0] != b"content-length"] + length
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Misbehaviour:
    """Wraps an application; `key` names a request's route, `expired` answers for a storage whose URL has expired."""

    def __init__(
        self,
        app: ASGIApp,
        backend: Backend,
        connections: Connections,
        key: Callable[[Scope], str],
        expired: Response | None = None,
    ) -> None:
        self._app = app
        self._backend = backend
        self._connections = connections
        self._key = key
        self._expired = expired

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, then answer as the application does or as the fault wants."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._app(scope, receive, send)
            return
        key = self._key(scope)
        self._backend.traffic.requests[key] += 1
        fault = self._backend.faults.take(key)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._act(fault, scope, receive, send)

    async def _act(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        act = _ACTS.get(fault.kind)
        if act is not None:
            await act(self, fault, scope, receive, send)
        elif fault.kind == "expired_url" and self._expired is not None:
            await _drain(receive)
            await self._expired(scope, receive, send)
        else:
            # What only the endpoint can get wrong (expired_url when issuing, success_false, corrupt, …).
            await self._app({**scope, "fault": fault}, receive, send)

    async def _capture(self, scope: Scope, receive: Receive) -> _Captured:
        captured = _Captured()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                captured.status = message["status"]
                captured.headers = list(message.get("headers", []))
            elif message["type"] == "http.response.body":
                captured.body += message.get("body", b"")

        await self._app(scope, receive, keep)
        return captured

    async def _drop_before(self, _fault: Fault, scope: Scope, receive: Receive, _send: Send) -> None:
        await self._connections.cut(scope, receive)

    async def _drop_after(self, _fault: Fault, scope: Scope, receive: Receive, _send: Send) -> None:
        await self._capture(scope, receive)
        await self._connections.cut(scope, receive)

    async def _delay(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.parameters["when"] == "before":
            # Read first: a slow server has the request, and works on it though the client may have given up.
            body = await _read(receive)
            await asyncio.sleep(fault.parameters["seconds"])
            await self._app(scope, _replay(body, receive), send)
            return
        captured = await self._capture(scope, receive)
        await asyncio.sleep(fault.parameters["seconds"])
        await captured.send(send)

    async def _cut_body(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        captured = await self._capture(scope, receive)
        await send({"type": "http.response.start", "status": captured.status, "headers": captured.headers or []})
        share = captured.body[: int(len(captured.body) * fault.parameters["share"])]
        await send({"type": "http.response.body", "body": share, "more_body": True})
        await self._connections.cut(scope, receive, flush=True)

    async def _hang(self, fault: Fault, scope: Scope, receive: Receive, _send: Send) -> None:
        if fault.parameters["processed"]:
            await self._capture(scope, receive)
        else:
            await _drain(receive)
        try:
            await disconnected(receive)
        except asyncio.CancelledError:  # the server ends before the client gives up
            await self._connections.cut(scope, receive)

    async def _status(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.parameters["processed"]:
            await self._capture(scope, receive)
        else:
            await _drain(receive)
        code, body = fault.parameters["code"], fault.parameters["body"]
        response = refusal(scope["path"], code, "Request was throttled." if code == 429 else "A fault, on purpose.")
        if body is not None:
            response = Response(body if isinstance(body, str) else json.dumps(body), code)
        if fault.parameters["retry_after"] is not None:
            response.headers["Retry-After"] = _retry_after(**fault.parameters)
        await response(scope, receive, send)

    async def _html(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await _drain(receive)
        code = fault.parameters["code"]
        words = {400: "Bad Request", 403: "Forbidden"}.get(code, "Refused")
        # 150 bytes: the size of the CDN refusals seen in production (protocol §7).
        page = _HTML.format(code=code, words=words).ljust(150 - len("</body></html>")) + "</body></html>"
        await Response(page, code, media_type="text/html")(scope, receive, send)

    async def _missing_etag(self, _fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        captured = await self._capture(scope, receive)
        captured.headers = [pair for pair in captured.headers or [] if pair[0] != b"etag"]
        await captured.send(send)

    async def _reorder_results(self, _fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        captured = await self._capture(scope, receive)
        body = json.loads(captured.body)
        _reverse(body)
        captured.body = json.dumps(body).encode()
        await captured.send(send)

    async def _wrong_host(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        captured = await self._capture(scope, receive)
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        wrong = str(fault.parameters["host"]).encode()
        captured.body = captured.body.replace(b"://" + host + b"/", b"://" + wrong + b"/")
        await captured.send(send)

    async def _duplicate_delivery(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        first = await self._capture(dict(scope), _replay(body, receive))
        second = await self._capture(dict(scope), _replay(body, receive))
        await (second if fault.parameters["answer"] == "second" else first).send(send)


_Act = Callable[[Misbehaviour, Fault, Scope, Receive, Send], Awaitable[None]]
_ACTS: dict[str, _Act] = {
    "drop_before": Misbehaviour._drop_before,
    "drop_after": Misbehaviour._drop_after,
    "delay": Misbehaviour._delay,
    "cut_body": Misbehaviour._cut_body,
    "hang": Misbehaviour._hang,
    "status": Misbehaviour._status,
    "html": Misbehaviour._html,
    "missing_etag": Misbehaviour._missing_etag,
    "reorder_results": Misbehaviour._reorder_results,
    "wrong_host": Misbehaviour._wrong_host,
    "duplicate_delivery": Misbehaviour._duplicate_delivery,
}


def api_key(scope: Scope) -> str:
    """The route's name of a request to the API."""
    return route_key(scope["method"], scope["path"])


def _reverse(body: Any) -> None:
    """Reverse the list of results inside an answer, wherever its API keeps it."""
    if isinstance(body, list):
        body.reverse()
        return
    for key in ("data", "results", "files", "existing_checksums"):
        if isinstance(body, dict) and key in body:
            _reverse(body[key])
            return


def _retry_after(retry_after: float, retry_as: str, **_others: object) -> str:
    if retry_as == "date":
        return format_datetime(datetime.now(UTC) + timedelta(seconds=retry_after), usegmt=True)
    return str(retry_after)


async def _drain(receive: Receive) -> None:
    """Read the request to its end, so that the client gets to see the answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive channel that delivers a body that has been read before, and then what really comes."""
    waiting = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed
