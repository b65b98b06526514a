"""How files reach the lean server: whole, in chunks (protocol §4.3), and into a storage by presigned URLs (§4.4, §4.5).

Bytes are hashed as they come and forgotten. Of an object that was sent in parts only the parts' digests are known, not
the whole's: its checksum is taken on trust once all parts are there, as storages do.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from lean_http import Collected, Digest, Hashed, HashedPart, Receiver, Reply, header

THRESHOLD, PART_SIZE = 100_000_000, 100 << 20  # bytes: what production has (protocol §2.4)
SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "5" * 64
NEVER = "2099-01-01T00:00:00+00:00"


@dataclass
class Stored:
    """An object of the storage: what was announced, and the digest of each part sent (part 0: all of it at once)."""

    size: int
    upload_id: str
    sent: dict[int, Digest] = field(default_factory=dict)
    confirmed: bool = False

    def expected(self, part: int) -> int:
        """How many bytes that part has."""
        return self.size if not part else min(PART_SIZE, self.size - (part - 1) * PART_SIZE)

    def holds(self, checksum: str, multipart: dict[str, Any] | None) -> bool:
        """Whether it is there and, as far as can be told, is what the client says."""
        if multipart is None:
            whole = self.sent.get(0)
            return whole is not None and checksum in (whole.sha1, whole.md5)
        told = {part["part_number"]: part["etag"] for part in multipart["parts"]}
        numbers = range(1, math.ceil(self.size / PART_SIZE) + 1)
        have = {number: f'"{digest.md5}"' for number, digest in self.sent.items()}
        return multipart["upload_id"] == self.upload_id and list(told) == list(numbers) and told == have


class Uploads:
    """Everything that takes bytes. `files`: data files by their checksum, their number; `counts`: what has come in."""

    def __init__(self, presign: bool) -> None:
        self.files: dict[str, int] = {}
        self.counts = {"requests": 0, "files": 0, "presigned": 0, "bytes": 0}
        self.storage = ""
        self._presign = presign
        self._chunked: list[Digest] = []
        self._finished: set[int] = set()
        self._objects: dict[str, Stored] = {}

    def add(self, checksum: str, size: int) -> dict[str, Any]:
        """A file that arrived; the same one again is the same data file, but counts."""
        self.counts["files"] += 1
        return {"id": self.files.setdefault(checksum, len(self.files) + 1), "checksum": checksum, "size": size}

    def whole(self, headers: bytes) -> Receiver:
        """POST data_files/: a form with the file, or JSON that names a finished chunked upload."""
        if header(headers, b"content-type").startswith(b"application/json"):
            return Collected(self._claim)
        return HashedPart(Hashed(self._whole, self._arrived, Digest(md5=False)), headers)

    def _whole(self, got: Digest) -> Reply:
        return Reply(201, self.add(got.sha1, got.size))

    def chunked(self, method: str, number: int, headers: bytes) -> Receiver:
        """chunked_upload/{id}/: PUT the next chunk, GET how far it is, POST the MD5; number 0 begins one."""
        if number > len(self._chunked):
            return Collected(lambda _: Reply(404, {"detail": "Not found."}))
        if method == "PUT":
            return self._chunk(number, headers)
        if method == "GET":
            return Collected(lambda _: Reply(200, self._state(number, headers)))
        return Collected(lambda body: self._finish(number, headers, json.loads(body)["md5"]))

    def _chunk(self, number: int, headers: bytes) -> Receiver:
        """A chunk, which counts once it is whole."""
        told = re.fullmatch(rb"bytes (\d+)-(\d+)/\d+", header(headers, b"content-range"))
        before = self._chunked[number - 1] if number else Digest()

        def answer(got: Digest) -> Reply:
            at = self._chunked[number - 1].size if number else 0
            if told is None or int(told[1]) != at or before.size != at:
                return Reply(400, {"detail": "Offsets do not match", "expected_offset": at})
            if int(told[2]) + 1 != got.size:
                return Reply(400, {"detail": "File size doesn't match headers"})
            if number:
                self._chunked[number - 1] = got
            else:
                self._chunked.append(got)
            return Reply(200, self._state(number or len(self._chunked), headers))

        return HashedPart(Hashed(answer, self._arrived, before.copy()), headers)

    def _finish(self, number: int, headers: bytes, md5: str) -> Reply:
        got = self._chunked[number - 1]
        if number in self._finished:
            return Reply(400, {"detail": 'Upload has already been marked as "complete"'})
        if got.md5 != md5:
            return Reply(400, {"detail": "md5 checksum does not match"})
        self._finished.add(number)
        return Reply(200, self._state(number, headers))

    def _state(self, number: int, headers: bytes) -> dict[str, Any]:
        done = number in self._finished
        return {
            "id": number,
            "url": f"http://{header(headers, b'host').decode()}/chunked_upload/{number}/",
            "filename": "file",
            "offset": self._chunked[number - 1].size,
            "status": 2 if done else 1,
            "completed_at": NEVER if done else None,
        }

    def _claim(self, body: bytes) -> Reply:
        number = int(json.loads(body)["chunked_upload"])
        if number not in self._finished:
            return Reply(400, {"chunked_upload": [f"{number} is not complete"]})
        got = self._chunked[number - 1]
        return Reply(201, self.add(got.sha1, got.size))

    def issue(self, asked: list[dict[str, Any]]) -> Reply:
        """A key and a URL for each file, or one for each part where it is large."""
        if not self._presign:
            return Reply(400, {"detail": "The storage provider does not support presigned uploads."})
        if any(file["size"] < 1 for file in asked):
            return Reply(400, {"detail": "size must be at least 1"})
        return Reply(200, {"files": [self._issue(file) for file in asked], "expires_at": NEVER})

    def _issue(self, asked: dict[str, Any]) -> dict[str, Any]:
        number, size = len(self._objects) + 1, asked["size"]
        key = f"tenants/1/files/{number:032x}"
        issued = Stored(size, f"upload-{number}" if size > THRESHOLD else "")
        self._objects[key] = issued
        url = f"{self.storage}/{key}?{SIGNED}"
        entry: dict[str, Any] = {"filename": asked["filename"], "file_key": key}
        if not issued.upload_id:
            return {**entry, "presigned_url": url, "multipart": None}
        parts = [
            {"part_number": part, "presigned_url": f"{url}&uploadId={issued.upload_id}&partNumber={part}"}
            for part in range(1, math.ceil(size / PART_SIZE) + 1)
        ]
        multipart = {"upload_id": issued.upload_id, "part_size": PART_SIZE, "parts": parts}
        return {**entry, "presigned_url": None, "multipart": multipart}

    def put(self, method: str, path: str, query: str, headers: bytes) -> Receiver:
        """The storage's port: PUT of an object or of one part of it."""
        self.counts["requests"] += 1
        issued = self._objects.get(path[1:])
        part = int(query.rpartition("partNumber=")[2]) if "partNumber=" in query else 0
        refused = (
            method != "PUT"
            or issued is None
            or bool(part) != bool(issued.upload_id)
            or b"synapse-" in headers.lower()
            or int(header(headers, b"content-length") or -1) != issued.expected(part)
        )

        def answer(got: Digest) -> Reply:
            if issued is None or refused:
                return Reply(403)
            issued.sent[part] = got
            return Reply(200, None, f'ETag: "{got.md5}"\r\n')

        return Hashed(answer, self._arrived, Digest())

    def confirm(self, told: list[dict[str, Any]]) -> Reply:
        """What was sent becomes data files; the same key again is the same file and does not count again."""
        results = [self._confirm(file) for file in told]
        good = sum(result["success"] for result in results)
        return Reply(200, {"results": results, "created_count": good, "failed_count": len(results) - good})

    def _confirm(self, told: dict[str, Any]) -> dict[str, Any]:
        result = {"file_key": told["file_key"], "checksum": told["checksum"]}
        stored = self._objects.get(told["file_key"])
        if stored is None or told["size"] != stored.size or not stored.holds(told["checksum"], told.get("multipart")):
            return {**result, "data_file_id": None, "success": False, "error": "not what was stored", "created": False}
        created = told["checksum"] not in self.files
        if not stored.confirmed:
            stored.confirmed = True
            self.counts["presigned"] += 1
            self.add(told["checksum"], stored.size)
        number = self.files[told["checksum"]]
        return {**result, "data_file_id": number, "success": True, "error": None, "created": created}

    def _arrived(self, count: int) -> None:
        self.counts["bytes"] += count
