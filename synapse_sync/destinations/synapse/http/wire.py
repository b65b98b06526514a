"""HTTP/1.1 without I/O: the bytes of a request, and the answers in what came back (RFC 9112). httptools parses."""

from __future__ import annotations

from collections.abc import Iterable

from httptools import HttpParserError, HttpResponseParser
from urllib3 import HTTPHeaderDict

from synapse_sync.destinations.synapse.http.errors import Answer


class Garbled(Exception):
    """What came back is no HTTP, or ends in the middle of an answer."""


def wire(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A request up to its body. Raises ValueError for what would end a line, or is not ASCII."""
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers]]
    if not "".join(lines).isprintable() or lines[0].count(" ") != 2:
        raise ValueError("a request holds characters that no request may have")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class Answers:
    """The answers of one connection, one after another."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._begun = 0
        self._status: int | None = None
        self._keep = False

    def received(self, data: bytes) -> Answer | None:
        """Take in what came, nothing where the connection was closed; an answer once it is whole. Raises Garbled."""
        if not data:
            return self._closed()
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if self._status is None:
                raise Garbled(str(error)) from error
            self._keep = False
        return None if self._status is None else self._taken(self._status)

    @property
    def may_go_on(self) -> bool:
        """Whether the connection may take another request after the answer that was taken last."""
        return self._keep

    def _closed(self) -> Answer | None:
        """The end of the connection ends an answer that does not tell its length."""
        told = {name.lower() for name, _ in self._headers}
        if not self._begun or not self._headers or told & {"content-length", "transfer-encoding"}:
            raise Garbled(
                "the server closed the connection " + ("in its answer" if self._begun else "without an answer")
            )
        self._keep = False
        return self._taken(self._parser.get_status_code())

    def _taken(self, status: int) -> Answer:
        """The answer that is whole; the next one begins anew."""
        answer = Answer(status, HTTPHeaderDict(self._headers), b"".join(self._body))
        self._keep = self._keep and self._begun == 1
        self._headers, self._body, self._begun, self._status = [], [], 0, None
        return answer

    def on_message_begin(self) -> None:
        """Called by the parser, as are the methods below."""
        self._begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if self._begun == 1:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._begun == 1:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The end of an answer, or of a word that one is still to come (1xx)."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._begun = [], 0
        elif self._status is None:
            self._status, self._keep = status, bool(self._parser.should_keep_alive())
