"""HTTP/1.1 as cheap as it gets, parsed by hand: keep-alive, Content-Length only, bodies never held in memory.

A request goes to a Receiver from its first byte on: Collected holds a small body (JSON), Hashed digests raw bytes,
HashedPart those of the part "file" of a multipart form.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class Reply(NamedTuple):
    """An answer: its body as JSON, and further header lines, each with its line end."""

    status: int
    value: Any = None
    headers: str = ""


class Receiver(Protocol):
    """What takes one request's body as it arrives."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes; a request that breaks off never ends."""

    def end(self) -> Reply:
        """Answer the request, whose body is whole."""


class Collected:
    """A small body, given as a whole to `answer`."""

    def __init__(self, answer: Callable[[bytes], Reply]) -> None:
        self._answer = answer
        self._body = b""

    def feed(self, data: bytes) -> None:
        """Keep them."""
        self._body += data

    def end(self) -> Reply:
        """What `answer` makes of it."""
        return self._answer(self._body)


class Digest:
    """SHA-1, number and, where somebody asks for it, MD5 of the bytes so far."""

    def __init__(self, *, md5: bool = True) -> None:
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self.size = 0

    @property
    def sha1(self) -> str:
        """In hexadecimal."""
        return self._sha1.hexdigest()

    @property
    def md5(self) -> str:
        """In hexadecimal; empty where it was not asked for."""
        return self._md5.hexdigest() if self._md5 else ""

    def update(self, data: bytes) -> None:
        """Go on with the next bytes."""
        self._sha1.update(data)
        if self._md5:
            self._md5.update(data)
        self.size += len(data)

    def copy(self) -> Digest:
        """One that goes its own way from here."""
        twin = Digest()
        twin._sha1, twin._md5, twin.size = self._sha1.copy(), self._md5 and self._md5.copy(), self.size
        return twin


class Hashed:
    """A body of raw bytes, of which `answer` gets the digest; `arrived` learns of the number of bytes as they come."""

    def __init__(self, answer: Callable[[Digest], Reply], arrived: Callable[[int], None], digest: Digest) -> None:
        self._answer, self._arrived, self._digest = answer, arrived, digest

    def feed(self, data: bytes) -> None:
        """Digest and forget them."""
        self._digest.update(data)
        self._arrived(len(data))

    def end(self) -> Reply:
        """What `answer` makes of the digest."""
        return self._answer(self._digest)


class HashedPart:
    """A multipart form whose last part is called "file": the bytes of that part go to `inner`."""

    def __init__(self, inner: Hashed, headers: bytes) -> None:
        boundary = header(headers, b"content-type").partition(b"boundary=")[2].strip(b'"')
        self._inner = inner
        self._tail = len(boundary) + len(b"\r\n----\r\n")
        self._held = b""
        self._within = False

    def feed(self, data: bytes) -> None:
        """Pass on the part's bytes, but hold back as many as the form's end has."""
        self._held += data
        if not self._within:
            start = self._held.find(b"\r\n\r\n", max(self._held.find(b'name="file"'), 0)) + 4
            if start < 4 or b'name="file"' not in self._held[:start]:
                return
            self._within, self._held = True, self._held[start:]
        if len(self._held) > self._tail:
            self._inner.feed(self._held[: -self._tail])
            self._held = self._held[-self._tail :]

    def end(self) -> Reply:
        """What the part's bytes lead to."""
        return self._inner.end()


Open = Callable[[str, str, str, bytes], Receiver]
"""Begins a request, given its method, path, query and headers."""


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered one after the other, each after `latency` seconds."""

    def __init__(self, open_request: Open, latency: float) -> None:
        self._open = open_request
        self._latency = latency
        self._head = b""
        self._receiver: Receiver | None = None
        self._left = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while True:
            if self._receiver is None:
                data = self._head + data
                end = data.find(b"\r\n\r\n")
                if end < 0:
                    self._head = data
                    return
                self._head = b""
                self._begin(data[:end])
                data = data[end + 4 :]
            assert self._receiver is not None
            piece, data = data[: self._left], data[self._left :]
            if piece:
                self._receiver.feed(piece)
                self._left -= len(piece)
            if self._left:
                return
            reply = self._receiver.end()
            self._receiver = None
            self._send(reply)
            if not data:
                return

    def _begin(self, head: bytes) -> None:
        line, _, headers = head.partition(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ", 2)
        path, _, query = target.partition("?")
        self._left = int(header(headers, b"content-length") or 0)
        self._receiver = self._open(method, path, query, headers)

    def _send(self, reply: Reply) -> None:
        text = b"" if reply.value is None else json.dumps(reply.value).encode()
        head = (
            f"HTTP/1.1 {reply.status} X\r\nContent-Type: application/json\r\n{reply.headers}"
            f"Content-Length: {len(text)}\r\n\r\n"
        )
        assert self._transport is not None
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, head.encode() + text)
        else:
            self._transport.write(head.encode() + text)


def header(headers: bytes, name: bytes) -> bytes:
    """A header's value, b"" where there is none; `name` in lower case."""
    for line in headers.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""
