"""A file of a web server, asked for only while it is what was observed; see ObjectFile.

A server that gives no piece of a file is read from its beginning, and what comes before is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable

from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.http_asking import AsStored
from synapse_sync.sources.object_reading import ObjectFile
from synapse_sync.sources.remote_reading import Lost
from synapse_sync.sources.web import refusals
from synapse_sync.sources.web.client import Client
from synapse_sync.sources.web.validators import condition, is_same, size_of, strong

PIECE = 256 << 10  # bytes that are thrown away at once

Look = Callable[[Client], bool]
"""Whether a file is what was observed, asked in the way in which it was observed."""


class WebFile(ObjectFile):
    """The file at `path` there, held against its observation; see RemoteFile for what it raises."""

    _connection: Connection[Client]

    def __init__(
        self,
        connection: Connection[Client],
        path: bytes,
        described: str,
        observed: Observation,
        look: Look,
        forget: Callable[[], None],
    ) -> None:
        super().__init__(connection, described, observed, refusals)
        self._path = path
        self._look_at = look
        self._forget = forget
        self._etag = ""

    def _ask(self) -> None:
        headers = condition(self._observed)
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
        with self._translated():
            answer = self._client().opened(self._path, headers=headers)
        self._comes(AsStored(answer))
        told = answer.headers
        size = size_of(told.get("content-length", ""))
        if told.get("content-encoding", "identity") != "identity" and size is None:
            raise FileUnreadable(
                f"{self._described} can't be read: the server compresses it on its way",
                hint="have it serve these files as they are",
            )
        if answer.status_code == 206:
            size = self._whole(told.get("content-range", ""))
        etag = strong(told.get("etag", ""))
        same = is_same(self._observed, told) and etag in (self._etag or etag, "")
        self._compare(self._observed.size if size is None else size, same=same)
        self._etag = self._etag or etag  # which a list may not tell: what is read on is of the same file
        if answer.status_code != 206:
            self._throw_away(self._position)

    def _throw_away(self, amount: int) -> None:
        assert self._body is not None
        try:
            while amount:
                piece = self._body.read(min(amount, PIECE))
                if not piece:
                    raise Lost
                amount -= len(piece)
        except refusals.failures() as error:
            raise Lost from error

    def _changed(self, how: str = "another file is there") -> FileChanged:
        self._forget()
        return super()._changed(how)

    def _look(self) -> None:
        client = self._client()
        try:
            with self._translated():
                same = self._look_at(client)
        except SourceUnavailable as error:
            raise self._unavailable(error.message, error.hint) from error
        self._compare(self._observed.size, same=same)
