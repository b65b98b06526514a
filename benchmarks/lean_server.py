"""A backend that costs next to nothing, so that a benchmark of clients measures the clients.

It speaks as much of the v1 protocol as both clients need (protocol §2.1: 2, 4, 5, 11, and users/me/), keeps digests and
counts in memory and forgets the bytes. It is honest where it matters: it hashes every file, and it refuses a unit whose
checksum it does not have. HTTP/1.1 is parsed by hand, with keep-alive and Content-Length only.

    python benchmarks/lean_server.py [--latency SECONDS]      prints its URL, serves until its standard input ends
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

IMAGE = {"id": 1, "name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True}
LABEL = {"id": 2, "name": "label_1", "file_type": "data", "extensions": [".json"], "is_required": True}
COLLECTIONS = {"1": ("images", [IMAGE]), "2": ("images with labels", [IMAGE, LABEL])}


class Backend:
    """What the server knows: data files by their SHA-1, and how many units there are."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.counts = {"requests": 0, "files": 0, "units": 0, "unit_files": 0}

    def answer(self, line: bytes, headers: bytes, body: bytes) -> tuple[int, Any]:
        """Status and JSON of one request, by its first line."""
        method, target, _ = line.decode("latin-1").split(" ", 2)
        path = target.partition("?")[0]
        if path == "/counts/":
            return 200, {**self.counts, "contents": len(self.files)}
        self.counts["requests"] += 1
        if path == "/data_files/" and method == "POST":
            return self._add_file(_file_in(headers, body))
        if path == "/data_files/verify_checksums/" and method == "POST":
            asked = json.loads(body)["checksums"]
            return 200, {"existing_checksums": [checksum for checksum in asked if checksum in self.files]}
        if path == "/data_units/" and method == "POST":
            return self._add_units(json.loads(body))
        if path.startswith("/data_collections/") and path.split("/")[2] in COLLECTIONS:
            name, specs = COLLECTIONS[path.split("/")[2]]
            return 200, {"id": int(path.split("/")[2]), "name": name, "meta": {}, "file_specifications": specs}
        if path == "/users/me/":
            return 200, {"id": 1, "email": "dev@example.org"}
        return 404, {"detail": "not found"}

    def _add_file(self, content: bytes) -> tuple[int, Any]:
        checksum = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        number = self.files.setdefault(checksum, len(self.files) + 1)
        self.counts["files"] += 1
        return 201, {"id": number, "checksum": checksum, "size": len(content)}

    def _add_units(self, units: list[dict[str, Any]]) -> tuple[int, Any]:
        sums = [bound["checksum"] for unit in units for bound in unit["files"].values()]
        unknown = [checksum for checksum in sums if checksum not in self.files]
        if unknown:
            return 400, {"files": [f"unknown checksum {unknown[0]}"]}
        first = self.counts["units"] + 1
        self.counts["units"] += len(units)
        self.counts["unit_files"] += len(sums)
        return 201, [{"id": first + place, "meta": unit.get("meta", {})} for place, unit in enumerate(units)]


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered one after the other, each after `latency` seconds."""

    def __init__(self, answer: Callable[[bytes, bytes, bytes], tuple[int, Any]], latency: float) -> None:
        self._answer = answer
        self._latency = latency
        self._buffer = bytearray()
        self._needed = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < self._needed:
            return
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            line, _, headers = bytes(self._buffer[:end]).partition(b"\r\n")
            start = end + 4
            length = _header(headers, b"content-length")
            self._needed = start + int(length or 0)
            if len(self._buffer) < self._needed:
                return
            body = bytes(self._buffer[start : self._needed])
            del self._buffer[: self._needed]
            self._needed = 0
            self._reply(line, headers, body)

    def _reply(self, line: bytes, headers: bytes, body: bytes) -> None:
        status, value = self._answer(line, headers, body)
        text = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        assert self._transport is not None
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, head.encode() + text)
        else:
            self._transport.write(head.encode() + text)


def _header(headers: bytes, name: bytes) -> bytes:
    """A header's value, b"" where there is none; `name` in lower case."""
    for header in headers.split(b"\r\n"):
        key, _, value = header.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def _file_in(headers: bytes, body: bytes) -> bytes:
    """The bytes of the only part of a multipart body."""
    boundary = _header(headers, b"content-type").partition(b"boundary=")[2].strip(b'"')
    start = body.index(b"\r\n\r\n") + 4
    return body[start : body.rindex(b"\r\n--" + boundary)]


async def serve(latency: float) -> None:
    """Listen on a free port of this machine, print the URL, end with the standard input."""
    backend = Backend()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(backend.answer, latency), "127.0.0.1", 0, backlog=128)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="added to every request")
    asyncio.run(serve(parser.parse_args().latency))
