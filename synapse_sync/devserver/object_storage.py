"""The second port: an object storage that plays S3 for presigned PUTs (protocol §4.4, §4.5, §12).

It refuses API headers, bodies without Content-Length, other sizes and types than announced, wrong signatures and
expired URLs, each with S3's XML, and answers with a quoted ETag: the MD5 of what was sent
(or, by the options, something else).
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Scope

from synapse_sync.devserver.backend import Backend, routes
from synapse_sync.devserver.connections import Connections
from synapse_sync.devserver.faults import firing
from synapse_sync.devserver.misbehave import Misbehaviour
from synapse_sync.devserver.presigned import object_file
from synapse_sync.devserver.signed_urls import is_expired, is_signed, part_length
from synapse_sync.devserver.store import Row

_API_HEADERS = ("synapse-access-token", "synapse-tenant", "synapse-agent", "authorization")


def _error(status: int, code: str, message: str) -> Response:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><RequestId>DEVSERVER</RequestId></Error>"
    )
    return Response(xml, status, media_type="application/xml")


def _expired() -> Response:
    return _error(403, "AccessDenied", "Request has expired")


def _refusal(backend: Backend, request: Request, row: Row | None, part: int) -> Response | None:
    """Why this PUT is refused, before its body is read; None = it is welcome."""
    headers = request.headers
    if any(name in headers for name in _API_HEADERS):
        return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
    if "transfer-encoding" in headers:
        return _error(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
    if "content-length" not in headers:
        return _error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    if row is None:
        return _error(403, "AccessDenied", "Access Denied")
    if not is_signed(backend, row, request.query_params, headers.get("content-type")):
        return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if is_expired(request.query_params):
        return _expired()
    if part and request.query_params.get("uploadId") != row["upload_id"]:
        return _error(404, "NoSuchUpload", "The specified upload does not exist.")
    if int(headers["content-length"]) != part_length(row, part):
        return _error(400, "IncompleteBody", "The body has another size than was announced.")
    return None


async def put_object(backend: Backend, request: Request) -> Response:
    """PUT /devserver/KEY: the whole object, or one part of it; may be repeated, the last one counts."""
    file_key = request.path_params["file_key"]
    number = request.query_params.get("partNumber", "")
    part = int(number) if number.isdigit() else 0
    with backend.store.reading() as db:
        row: Row | None = db.execute("SELECT * FROM objects WHERE file_key = ?", (file_key,)).fetchone()
    refused = _refusal(backend, request, row, part)
    arriving = backend.contents.arriving(corrupt=firing(request.scope, "corrupt") is not None)
    try:
        async for chunk in request.stream():
            if refused is None:
                arriving.write(chunk)
        if refused is not None:
            return refused
        backend.traffic.bytes_received += arriving.size
        content = arriving.content
        arriving.move(backend.contents.waiting(object_file(file_key, part)))
    finally:
        arriving.drop()
    etag = f'"{content.md5}"' if backend.options.etags == "md5" else f'"{content.sha1}-1"'
    with backend.store.transaction() as db:
        if part:
            values = (file_key, part, etag, content.size)
            db.execute("INSERT OR REPLACE INTO object_parts VALUES (?, ?, ?, ?)", values)
        else:
            digests = (content.md5, content.sha1, file_key)
            db.execute("UPDATE objects SET md5 = ?, sha1 = ? WHERE file_key = ?", digests)
    return Response(status_code=200, headers={"ETag": etag})


async def _unknown(_backend: Backend, _request: Request) -> Response:
    return _error(403, "AccessDenied", "Access Denied")


async def _gone(_request: Request, _error: Exception) -> Response:
    """The client has left in the middle of its body; nobody reads this answer."""
    return Response(status_code=400)


def storage_key(scope: Scope) -> str:
    """The route's name for statistics and fault switches: "PUT object/", "PUT object/part/"."""
    return f"{scope['method']} object/{'part/' if b'partNumber=' in scope['query_string'] else ''}"


ROUTE_KEYS = tuple(storage_key({"method": "PUT", "query_string": query}) for query in (b"", b"partNumber=1"))
"""The names of all routes of the storage."""


def object_storage(backend: Backend, connections: Connections) -> ASGIApp:
    """The application of the second port."""
    table = (("PUT", "/devserver/{file_key:path}", put_object), ("GET", "/{anything:path}", _unknown))
    app = FastAPI(routes=routes(backend, table), openapi_url=None, exception_handlers={ClientDisconnect: _gone})
    return Misbehaviour(app, backend, connections, storage_key, _expired())
