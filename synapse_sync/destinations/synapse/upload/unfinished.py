"""A chunked upload as the server has it: the calls of protocol §4.3, and how far the server got."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from synapse_sync.destinations.synapse.http.calls import UPLOAD, Body
from synapse_sync.destinations.synapse.http.errors import try_later, unclear
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload import multipart
from synapse_sync.destinations.synapse.upload.content import Content
from synapse_sync.errors import Busy, Rejected

GONE = (404, 410)
"""Statuses of an upload that the server no longer has (410: it expired after a day)."""

_GIB = 1 << 30
_QUESTIONS = 30
"""How often the offset is asked for before an upload that doesn't come to rest is left for later."""


class Pace(NamedTuple):
    """Seconds between two questions for the state, and the least time that a finalize is waited for (§4.3)."""

    pause: float = 1.0
    patience: float = 60.0


class State(NamedTuple):
    """How many bytes the server has, and whether it has put the file together."""

    offset: int
    completed: bool


class Unfinished:
    """The upload `id` ("" before the first chunk) of one content. Every method raises DestinationErrors."""

    def __init__(self, transport: Transport, content: Content, pace: Pace) -> None:
        self.id = ""
        self.doing = f"upload {content.name}"
        self._transport = transport
        self._content = content
        self._pace = pace

    def put(self, end: int) -> int:
        """PUT the content's bytes from its position up to `end` (exclusive); the server's offset afterwards.

        Raises OutcomeUnknown where the answer was lost, Rejected where the server is not where we think it is.
        """
        content, size = self._content, self._content.digests.size
        head = multipart.head(content.name, {"filename": content.name})
        length = len(head) + end - content.position + len(multipart.TAIL)
        headers = {"Content-Range": f"bytes {content.position}-{end - 1}/{size}"}
        body = Body(multipart.CONTENT_TYPE, length, _framed(head, content.pieces(end)))
        path = self._path() if self.id else "chunked_upload/"
        answer = self._transport.call("PUT", path, self.doing, UPLOAD, body=body, headers=headers)
        known = isinstance(answer, dict) and answer.get("id") and isinstance(answer.get("offset"), int)
        if not known:
            raise unclear(self.doing, "the answer to a chunk holds no id and offset", change=True)
        self.id = self.id or str(answer["id"])
        return int(answer["offset"])

    def state(self) -> State | None:
        """The server's view, or None where it has no such upload (any more)."""
        try:
            answer = self._transport.call("GET", self._path(), f"learn how far this got: {self.doing}")
        except (Busy, Rejected) as refused:
            if refused.status in GONE:
                return None
            raise
        if not isinstance(answer, dict) or not isinstance(answer.get("offset"), int):
            raise try_later(self.doing, "the server's answer for the unfinished upload holds no offset")
        return State(answer["offset"], bool(answer.get("completed_at")))

    def settled_offset(self) -> int | None:
        """The offset once two questions in a row are answered alike: a chunk whose answer was lost may still arrive.

        None where the server no longer has the upload.
        """
        last = -1
        for _ in range(_QUESTIONS):
            state = self.state()
            if state is None or state.offset == last:
                return state and last
            last = state.offset
            time.sleep(self._pace.pause)
        raise try_later(self.doing, "the server is still receiving an earlier chunk")

    def finalize(self) -> None:
        """Have the server compare the whole with the content's MD5 and put the file together."""
        kind = UPLOAD._replace(answer=max(UPLOAD.answer, 10.0 * self._content.digests.size / _GIB))
        self._transport.call("POST", self._path(), self.doing, kind, data={"md5": self._content.digests.md5})

    def completes(self, since: float) -> bool:
        """Whether the server says that the file is put together, at the latest when the patience ends.

        `since`: when finalize was sent (seconds since the epoch). At least one question is asked. The waits are
        jittered, or clients that were cut off together ask together. 25–31 s were seen for 6–11 GB (§7).
        """
        patience = max(self._pace.patience, 10.0 * self._content.digests.size / _GIB)
        deadline = time.monotonic() + min(since + patience - time.time(), patience)
        while True:
            state = self.state()
            if state is not None and state.completed:
                return True
            left = deadline - time.monotonic()
            if left <= 0 or state is None:
                return False
            time.sleep(min(left, self._pace.pause * random.uniform(0.5, 3.0)))  # noqa: S311 - no secret

    def claim(self) -> Any:
        """Make the finished upload a data file; the server's answer."""
        return self._transport.call("POST", "data_files/", self.doing, UPLOAD, data={"chunked_upload": self.id})

    def _path(self) -> str:
        return f"chunked_upload/{self.id}/"


def _framed(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A multipart body around `pieces`."""
    yield head
    yield from pieces
    yield multipart.TAIL
