"""Presigned URLs of the object storage: made when issuing, judged when somebody sends bytes (protocol §4.4, §4.5).

The query looks like S3's, the signature covers what S3's would: method, key, part, time, lifetime and the announced
headers.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from synapse_sync.devserver.auth import signature
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.store import Row

BUCKET = "devserver"


def _signed_text(
    file_key: str, part: str, upload_id: str, date: str, lifetime: str, length: int, kind: str | None
) -> str:
    return "\n".join(("PUT", file_key, part, upload_id, date, lifetime, str(length), kind or ""))


def presigned_url(
    backend: Backend, storage: str, row: Row, part: int, length: int, issued: float, lifetime: int
) -> str:
    """The URL for one PUT of `length` bytes: of the whole object (part 0) or of one part; times in seconds."""
    date, seconds = f"{issued:.0f}", str(lifetime)
    number, upload_id = (str(part), row["upload_id"]) if part else ("", "")
    kind = None if part else row["content_type"]
    query = {
        "X-Amz-Algorithm": "DEVSERVER-HMAC-SHA256",
        "X-Amz-Date": date,
        "X-Amz-Expires": seconds,
        "X-Amz-SignedHeaders": "content-length;content-type;host",
        "X-Amz-Signature": signature(
            backend, _signed_text(row["file_key"], number, upload_id, date, seconds, length, kind)
        ),
    }
    if part:
        query |= {"partNumber": number, "uploadId": upload_id}
    return f"{storage}/{BUCKET}/{quote(row['file_key'])}?{urlencode(query)}"


def part_length(row: Row, part: int) -> int:
    """How many bytes belong into this part, or into the whole object (part 0)."""
    if not part:
        return int(row["size"])
    start = (part - 1) * row["part_size"]
    return int(max(0, min(row["part_size"], row["size"] - start)))


def is_signed(backend: Backend, row: Row, query: Mapping[str, str], kind: str | None) -> bool:
    """Whether the signature is ours for this object, part, time and Content-Type."""
    part = query.get("partNumber", "")
    text = _signed_text(
        row["file_key"],
        part,
        query.get("uploadId", ""),
        query.get("X-Amz-Date", ""),
        query.get("X-Amz-Expires", ""),
        part_length(row, int(part) if part.isdigit() else 0),
        kind,
    )
    return hmac.compare_digest(query.get("X-Amz-Signature", "").encode(), signature(backend, text).encode())


def is_expired(query: Mapping[str, str]) -> bool:
    """Whether a URL whose signature is right has outlived its lifetime."""
    return time.time() > int(query["X-Amz-Date"]) + int(query["X-Amz-Expires"])
