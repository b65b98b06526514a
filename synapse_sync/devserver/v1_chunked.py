"""v1: a file in parts that survives interruptions (protocol §4.3, after drf-chunked-upload's rules)."""

from __future__ import annotations

import os
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from synapse_sync.devserver import datafiles
from synapse_sync.devserver.backend import Backend, base_url
from synapse_sync.devserver.contents import Content, digest
from synapse_sync.devserver.envelope import Refused, answer, read_object
from synapse_sync.devserver.form import Form, read_form
from synapse_sync.devserver.paging import Selection, page_v1
from synapse_sync.devserver.store import Row, now

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_UPLOADING, _COMPLETE = 1, 2


@dataclass(frozen=True, slots=True)
class _Range:
    """A Content-Range of file bytes; `last` is inclusive."""

    start: int
    last: int
    total: int

    @property
    def size(self) -> int:
        return self.last - self.start + 1


def _content_range(request: Request) -> _Range:
    match = _RANGE.fullmatch(request.headers.get("content-range", ""))
    if match is None:
        raise Refused(400, "Error in request headers")
    return _Range(*map(int, match.groups()))


def _file_name(upload_id: str) -> str:
    return f"chunked-{upload_id}"


def _shown_id(upload_id: str) -> str | int:
    return int(upload_id) if upload_id.isdigit() else upload_id


def _state(request: Request, row: Row) -> dict[str, object]:
    return {
        "id": _shown_id(row["id"]),
        "url": f"{base_url(request)}/chunked_upload/{row['id']}/",
        "filename": row["filename"],
        "offset": row["offset"],
        "status": _COMPLETE if row["completed_at"] else _UPLOADING,
        "completed_at": row["completed_at"],
    }


def _find(backend: Backend, request: Request, upload_id: str) -> Row:
    """The caller's own upload; another identity's is as if it were not there."""
    with backend.store.reading() as db:
        row: Row | None = db.execute("SELECT * FROM chunked_uploads WHERE id = ?", (upload_id,)).fetchone()
    if row is None or row["owner"] != request.scope["identity"]:
        raise Refused(404, "Not found.")
    return row


def _check_open(backend: Backend, row: Row) -> None:
    if row["completed_at"]:
        raise Refused(400, 'Upload has already been marked as "complete"')
    if time.time() - row["created"] > backend.options.chunked_expiry:
        raise Refused(410, "Upload has expired")


def _offsets_differ(expected: int, provided: int) -> NoReturn:
    detail = {"detail": "Offsets do not match", "expected_offset": expected, "provided_offset": provided}
    raise Refused(400, "Offsets do not match", v1=detail)


async def _receive(backend: Backend, request: Request, part: _Range) -> Form:
    form = await read_form(request, backend.contents)
    if form.file is None:
        raise Refused(400, "No chunk file was submitted")
    backend.traffic.bytes_received += form.file.size
    if form.file.size != part.size:
        form.drop()
        raise Refused(400, "File size doesn't match headers")
    return form


async def start_upload(backend: Backend, request: Request) -> Response:
    """PUT chunked_upload/: the first part; the answer names the upload."""
    part = _content_range(request)
    form = await _receive(backend, request, part)
    assert form.file is not None
    if part.start != 0:
        form.drop()
        _offsets_differ(0, part.start)
    upload_id = str(uuid.uuid4())
    with backend.store.transaction() as db:
        if backend.options.chunked_ids == "int":
            upload_id = str(db.execute("SELECT count(*) + 1 FROM chunked_uploads").fetchone()[0])
        form.file.move(backend.contents.waiting(_file_name(upload_id)))
        db.execute(
            "INSERT INTO chunked_uploads (id, owner, filename, offset, created) VALUES (?, ?, ?, ?, ?)",
            (
                upload_id,
                request.scope["identity"],
                form.fields.get("filename") or form.filename,
                part.size,
                time.time(),
            ),
        )
    return answer(_state(request, _find(backend, request, upload_id)))


async def append_part(backend: Backend, request: Request) -> Response:
    """PUT chunked_upload/{id}/: the next part, which must start where the last one ended."""
    upload_id = request.path_params["upload_id"]
    part = _content_range(request)
    _check_open(backend, row := _find(backend, request, upload_id))
    if backend.options.unlocked_appends and row["offset"] != part.start:
        _offsets_differ(row["offset"], part.start)
    form = await _receive(backend, request, part)
    assert form.file is not None
    _check_open(backend, row := _find(backend, request, upload_id))
    if not backend.options.unlocked_appends and row["offset"] != part.start:
        form.drop()
        _offsets_differ(row["offset"], part.start)
    with backend.store.transaction() as db:
        form.file.append(backend.contents.waiting(_file_name(upload_id)), row["offset"])
        db.execute("UPDATE chunked_uploads SET offset = offset + ? WHERE id = ?", (part.size, upload_id))
    return answer(_state(request, _find(backend, request, upload_id)))


async def show_upload(backend: Backend, request: Request) -> Response:
    """GET chunked_upload/{id}/: how far it is."""
    return answer(_state(request, _find(backend, request, request.path_params["upload_id"])))


async def list_uploads(backend: Backend, request: Request) -> Response:
    """GET chunked_upload/: the caller's own uploads."""
    # The paging helper orders by id, which for UUIDs is no order in time; nobody relies on one here.
    chosen = Selection("chunked_uploads", {"owner": request.scope["identity"]})
    return page_v1(backend, request, chosen, lambda row: _state(request, row))


async def finish_upload(backend: Backend, request: Request) -> Response:
    """POST chunked_upload/{id}/ with the whole file's MD5, the only thing that is compared."""
    upload_id = request.path_params["upload_id"]
    md5 = (await read_object(request)).get("md5")
    _check_open(backend, _find(backend, request, upload_id))
    if not isinstance(md5, str):
        raise Refused(400, "Missing md5 in the request")
    content = await run_in_threadpool(digest, backend.contents.waiting(_file_name(upload_id)))
    if content.md5 != md5.lower():
        raise Refused(400, "md5 checksum does not match")
    _check_open(backend, _find(backend, request, upload_id))
    with backend.store.transaction() as db:
        db.execute(
            "UPDATE chunked_uploads SET completed_at = ?, md5 = ?, sha1 = ? WHERE id = ?",
            (now(), content.md5, content.sha1, upload_id),
        )
    state = _state(request, _find(backend, request, upload_id))
    return answer({**state, "checksum": content.md5, "size": content.size})


async def finish_without_upload(_backend: Backend, _request: Request) -> Response:
    """POST chunked_upload/: what the SDK does with an empty file (protocol §4.6); there is nothing to finish."""
    raise Refused(400, "No chunk file was submitted")


async def consume(backend: Backend, request: Request, body: dict[str, Any]) -> Row:
    """The data file made from a finished chunked upload. Raises Refused 400 where it is unknown, open or used up."""
    upload_id = str(body.get("chunked_upload", ""))
    try:
        row = _find(backend, request, upload_id)
    except Refused:
        row = None
    if row is None or not row["completed_at"]:
        words = f'Invalid pk "{upload_id}" - object does not exist or is not complete.'
        raise Refused(400, words, v1={"chunked_upload": [words]})
    if row["data_file"] and backend.options.chunked_once:
        raise Refused(400, "already used", v1={"chunked_upload": ["This upload has already become a data file."]})
    content = Content(row["md5"], row["sha1"], row["offset"])
    waiting = backend.contents.waiting(_file_name(upload_id))
    with backend.store.transaction() as db:
        if arrived := os.path.exists(waiting):
            backend.contents.keep(waiting, content.sha1)
        checksum = datafiles.address(backend, content)
        data_file, _ = datafiles.add(db, checksum, content, row["filename"], "chunked", arrived=arrived)
        db.execute("UPDATE chunked_uploads SET data_file = ? WHERE id = ?", (data_file["id"], upload_id))
    return data_file


TABLE = (
    ("PUT", "/chunked_upload/", start_upload),
    ("PUT", "/chunked_upload/{upload_id}/", append_part),
    ("POST", "/chunked_upload/{upload_id}/", finish_upload),
    ("GET", "/chunked_upload/{upload_id}/", show_upload),
    ("POST", "/chunked_upload/", finish_without_upload),
    ("GET", "/chunked_upload/", list_uploads),
)
