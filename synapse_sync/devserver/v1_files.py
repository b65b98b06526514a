"""v1: asking for checksums and sending a file whole (protocol §2.1 rows 4 and 5, §4.2, §4.6)."""

from __future__ import annotations

from fastapi import Request, Response

from synapse_sync.devserver import datafiles
from synapse_sync.devserver.backend import Backend, base_url
from synapse_sync.devserver.contents import Content
from synapse_sync.devserver.envelope import Refused, answer, read_object
from synapse_sync.devserver.form import read_form
from synapse_sync.devserver.media import media_url
from synapse_sync.devserver.store import Row
from synapse_sync.devserver.v1_chunked import consume


async def verify_checksums(backend: Backend, request: Request) -> Response:
    """POST data_files/verify_checksums/: which of the given checksums have a data file, in the order asked."""
    checksums = (await read_object(request)).get("checksums")
    if not isinstance(checksums, list) or not all(isinstance(checksum, str) for checksum in checksums):
        raise Refused(400, "checksums", v1={"checksums": ["Expected a list of strings."]})
    if len(checksums) > backend.options.verify_limit:
        limit = f"Ensure this field has no more than {backend.options.verify_limit} elements."
        raise Refused(400, "checksums", v1={"checksums": [limit]})
    with backend.store.reading() as db:
        present = datafiles.known(db, checksums, foreign=datafiles.tells_foreign(backend))
    return answer({"existing_checksums": [checksum for checksum in checksums if checksum in present]})


async def create_data_file(backend: Backend, request: Request) -> Response:
    """POST data_files/: a multipart body with the file, or JSON naming a finished chunked upload."""
    if request.headers.get("content-type", "").startswith("application/json"):
        row = await consume(backend, request, await read_object(request))
        return answer({"id": row["id"], "checksum": row["checksum"], "size": row["size"], **_times(row)}, 201)
    form = await read_form(request, backend.contents)
    try:
        if form.file is None:
            raise Refused(400, "file", v1={"file": ["No file was submitted."]})
        backend.traffic.bytes_received += form.file.size
        if form.file.size == 0 and backend.options.empty_files == "reject":
            raise Refused(400, "file", v1={"file": ["The submitted file is empty."]})
        content = form.file.keep()
    finally:
        form.drop()
    row = _add(backend, content, form.filename)
    url = media_url(backend, base_url(request), row)
    return answer({"id": row["id"], "checksum": row["checksum"], "file": url, "size": row["size"], **_times(row)}, 201)


def _add(backend: Backend, content: Content, name: str) -> Row:
    with backend.store.transaction() as db:
        return datafiles.add(db, datafiles.address(backend, content), content, name, "direct")[0]


def _times(row: Row) -> dict[str, str]:
    return {"created_at": row["created"], "updated_at": row["created"]}


TABLE = (
    ("POST", "/data_files/", create_data_file),
    ("POST", "/data_files/verify_checksums/", verify_checksums),
)
