"""Issuing presigned URLs and confirming what was sent to them, for v1 and v2 (protocol §2.3, §2.4, §4.4, §4.5)."""

from __future__ import annotations

import hashlib
import math
import os
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from synapse_sync.devserver import catalogue, datafiles
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.contents import Content, join
from synapse_sync.devserver.envelope import Refused, answer, answer_v2, is_dry_run, read_object
from synapse_sync.devserver.faults import firing
from synapse_sync.devserver.presigned_input import check_confirm, check_issue
from synapse_sync.devserver.signed_urls import part_length, presigned_url
from synapse_sync.devserver.store import Row

_PRESIGNING = ("amazon_s3", "minio")


def object_file(file_key: str, part: int = 0) -> str:
    """The name under which the bytes of an object, or of one part of it, wait."""
    return f"object-{hashlib.sha1(file_key.encode(), usedforsecurity=False).hexdigest()}-{part}"


def _issue_one(backend: Backend, storage: str, row: Row, issued: float, lifetime: int) -> dict[str, Any]:
    issue: dict[str, Any] = {"filename": row["filename"], "file_key": row["file_key"]}
    if not row["upload_id"]:
        url = presigned_url(backend, storage, row, 0, row["size"], issued, lifetime)
        return {**issue, "presigned_url": url, "multipart": None}
    parts = [
        {
            "part_number": part,
            "presigned_url": presigned_url(backend, storage, row, part, part_length(row, part), issued, lifetime),
        }
        for part in range(1, math.ceil(row["size"] / row["part_size"]) + 1)
    ]
    multipart = {"upload_id": row["upload_id"], "part_size": row["part_size"], "parts": parts}
    return {**issue, "presigned_url": None, "multipart": multipart}


async def _issue(backend: Backend, request: Request, *, v2: bool) -> dict[str, Any]:
    files, lifetime = check_issue(await read_object(request), v2=v2)
    options = backend.options
    if options.provider not in _PRESIGNING:
        raise Refused(400, f"The storage provider {options.provider!r} does not support presigned uploads.")
    expired = firing(request.scope, "expired_url")
    issued = time.time()
    storage = f"{request.url.scheme}://{request.url.hostname}:{backend.storage_port}"
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        issues = []
        for file in files:
            name = uuid.uuid4()
            file_key = f"tenants/1/files/{name.hex[:2]}/{name}{os.path.splitext(file['filename'])[1][:20]}"
            upload_id = uuid.uuid4().hex if file["size"] > options.multipart_threshold else ""
            db.execute(
                "INSERT INTO objects (file_key, filename, size, content_type, upload_id, part_size)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (file_key, file["filename"], file["size"], file.get("content_type"), upload_id, options.part_size),
            )
            row = db.execute("SELECT * FROM objects WHERE file_key = ?", (file_key,)).fetchone()
            # The fault dates the URLs back and says nothing of it, like a server whose clock is wrong.
            dated = issued - lifetime - 1 if expired else issued
            issues.append(_issue_one(backend, storage, row, dated, lifetime))
    return {"files": issues, "expires_at": datetime.fromtimestamp(issued + lifetime, UTC).isoformat()}


def _parts_problem(backend: Backend, row: Row, multipart: Mapping[str, Any]) -> str:
    """What S3 would find wrong with the list of parts; "" = nothing."""
    if not row["upload_id"] or multipart["upload_id"] != row["upload_id"]:
        return "NoSuchUpload: the upload does not exist; it may have been completed"
    numbers = [part["part_number"] for part in multipart["parts"]]
    if numbers != sorted(set(numbers)):
        return "InvalidPartOrder: parts must be listed once each, in ascending order"
    with backend.store.reading() as db:
        sent = dict(db.execute("SELECT number, etag FROM object_parts WHERE file_key = ?", (row["file_key"],)))
    for part in multipart["parts"]:
        if sent.get(part["part_number"], "").strip('"') != part["etag"].strip('"'):
            return f"InvalidPart: part {part['part_number']} was not sent, or its ETag is another"
    if len(numbers) != math.ceil(row["size"] / row["part_size"]):
        return "InvalidPart: parts are missing"
    return ""


async def _complete(backend: Backend, row: Row, multipart: Mapping[str, Any]) -> str:
    """Join the parts of an object; its upload id is spent then. Returns what is wrong, "" = nothing."""
    problem = _parts_problem(backend, row, multipart)
    if problem:
        return problem
    file_key = row["file_key"]
    with backend.store.transaction() as db:
        db.execute("UPDATE objects SET upload_id = '' WHERE file_key = ?", (file_key,))
    parts = [backend.contents.waiting(object_file(file_key, part["part_number"])) for part in multipart["parts"]]
    content = await run_in_threadpool(join, parts, backend.contents.waiting(object_file(file_key)))
    with backend.store.transaction() as db:
        db.execute("UPDATE objects SET md5 = ?, sha1 = ? WHERE file_key = ?", (content.md5, content.sha1, file_key))
    return ""


def _find(backend: Backend, file_key: str) -> Row | None:
    with backend.store.reading() as db:
        row: Row | None = db.execute("SELECT * FROM objects WHERE file_key = ?", (file_key,)).fetchone()
    return row


async def _confirm_one(backend: Backend, file: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Confirm one object: the result, with `created` as v2 tells it."""
    result = {"file_key": file["file_key"], "checksum": file["checksum"], "data_file_id": None, "created": False}
    row = _find(backend, file["file_key"])
    if row is not None and file.get("multipart") is not None and not dry_run:
        problem = await _complete(backend, row, file["multipart"])
        if problem:
            return {**result, "success": False, "error": problem}
        row = _find(backend, file["file_key"])
    if row is None or (row["md5"] is None and not dry_run):
        return {**result, "success": False, "error": "The object was not found in the storage."}
    if row["size"] != file["size"]:
        return {**result, "success": False, "error": f"The object has {row['size']} bytes, not {file['size']}."}
    if dry_run:
        return {**result, "success": True, "error": None}
    content = Content(row["md5"], row["sha1"], row["size"])
    if backend.options.presigned_check and not datafiles.is_digest_of(file["checksum"], content):
        return {**result, "success": False, "error": "The checksum is not that of the stored object."}
    waiting = backend.contents.waiting(object_file(row["file_key"]))
    with backend.store.transaction() as db:
        if arrived := os.path.exists(waiting):
            backend.contents.keep(waiting, content.sha1)
        checksum = datafiles.address(backend, content, file["checksum"].lower())
        data_file, created = datafiles.add(db, checksum, content, row["filename"], "presigned", arrived=arrived)
    found = {"checksum": checksum, "data_file_id": data_file["id"], "created": created}
    return {**result, **found, "success": True, "error": None}


async def _confirm(backend: Backend, request: Request) -> dict[str, Any]:
    files = check_confirm(await read_object(request))
    fault = firing(request.scope, "success_false")
    failing = fault.parameters["count"] if fault else 0
    failed = {"data_file_id": None, "created": False, "success": False, "error": "A fault, on purpose."}
    results = [
        {"file_key": file["file_key"], "checksum": file["checksum"], **failed}
        if index < failing
        else await _confirm_one(backend, file, dry_run=is_dry_run(request))
        for index, file in enumerate(files)
    ]
    good = sum(1 for result in results if result["success"])
    return {"results": results, "created_count": good, "failed_count": len(results) - good}


async def issue_v1(backend: Backend, request: Request) -> Response:
    """POST data_files/presigned_upload/upload/."""
    return answer(await _issue(backend, request, v2=False))


async def confirm_v1(backend: Backend, request: Request) -> Response:
    """POST data_files/presigned_upload/confirm_upload/: v1's results don't tell `created`."""
    body = await _confirm(backend, request)
    body["results"] = [{k: v for k, v in result.items() if k != "created"} for result in body["results"]]
    return answer(body)


def _check_collection(backend: Backend, request: Request) -> None:
    with backend.store.reading() as db:
        catalogue.collection(db, request.path_params["collection_id"])


async def issue_v2(backend: Backend, request: Request) -> Response:
    """POST v2/data-collections/{id}/upload-urls/."""
    _check_collection(backend, request)
    return answer_v2(backend, await _issue(backend, request, v2=True))


async def confirm_v2(backend: Backend, request: Request) -> Response:
    """POST v2/data-collections/{id}/finalize-upload/."""
    _check_collection(backend, request)
    return answer_v2(backend, await _confirm(backend, request))


TABLE = (
    ("POST", "/data_files/presigned_upload/upload/", issue_v1),
    ("POST", "/data_files/presigned_upload/confirm_upload/", confirm_v1),
    ("POST", "/v2/data-collections/{collection_id:int}/upload-urls/", issue_v2),
    ("POST", "/v2/data-collections/{collection_id:int}/finalize-upload/", confirm_v2),
)
