"""Reading stored bytes back: signed URLs in unit answers and on the pages."""

from __future__ import annotations

import hmac
import mimetypes
from urllib.parse import quote

from fastapi import Request, Response
from starlette.responses import FileResponse

from synapse_sync.devserver import datafiles
from synapse_sync.devserver.auth import signature
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused
from synapse_sync.devserver.store import Row


def media_url(backend: Backend, base: str, data_file: Row, name: str = "") -> str:
    """Where the bytes of a data file can be read without a token; `base` is "" for a URL within our own pages."""
    checksum = data_file["checksum"]
    shown = quote((name or data_file["name"]).rpartition("/")[2] or "file")
    return f"{base}/media/{checksum}/{shown}?signature={signature(backend, checksum)}"


async def read_media(backend: Backend, request: Request) -> Response:
    """GET /media/CHECKSUM/NAME: the bytes, for whoever has the signed URL."""
    checksum = request.path_params["checksum"]
    given = request.query_params.get("signature", "")
    if not hmac.compare_digest(given.encode(), signature(backend, checksum).encode()):
        raise Refused(403, "The signature of this URL is not valid.")
    with backend.store.reading() as db:
        row = datafiles.find(db, checksum)
    if row is None:
        raise Refused(404, "Not found.")
    name = request.path_params["name"]
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    # Uploaded HTML or SVG must not run as a page of ours.
    safety = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
    return FileResponse(backend.contents.path(row["content"]), media_type=kind, headers=safety)


TABLE = (("GET", "/media/{checksum}/{name}", read_media),)
