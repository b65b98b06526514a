"""An object that is read only while it is what was observed: every request is for that ETag alone.

One request for all that is read in a row, however large; a connection that is lost is taken up again where it broke
off. Holds what the connection has in flight, and nothing else.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from synapse_sync.errors import FileChanged, FileUnreadable, SourceError, SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.sources.s3.client import Connection
from synapse_sync.sources.s3.refusals import concerns_object, failures, is_changed, is_gone, refusal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TRIES = 4  # of a read that gets nothing; each byte that comes begins the count anew
PAUSE = 0.5  # seconds before the second, twice as long before each that follows
DRAINED = 64 << 10  # bytes left of an answer that are read, so that its connection can be used again

_LOOK_AGAIN = "it is looked at again before use"


class ObservedObject(io.RawIOBase):
    """The object at `key`, as a context manager; unbuffered, and it can seek.

    Raises FileChanged where the object is not what was observed, when it is first read and on leaving if the body
    raised nothing; FileUnreadable where it can't be read, SourceUnavailable where nothing can be read now.
    """

    def __init__(self, connection: Connection, place: Mapping[str, str], described: str, observed: Observation) -> None:
        self._connection = connection
        self._place = place if not observed.token else {**place, "IfMatch": str(observed.token)}
        self._described = described
        self._observed = observed
        self._position = 0
        self._body: Any = None
        self._left = 0

    def __enter__(self) -> ObservedObject:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._hang_up()
                self._check_again()
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._hang_up()
        super().close()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: what is read next begins with another request."""
        return True

    def tell(self) -> int:
        """Where the next byte is read from."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Read on from elsewhere."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._observed.size}[whence]
        position = max(start + offset, 0)
        if position != self._position:
            self._hang_up()
            self._position = position
        return position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Some of the bytes that come next; 0 at the end."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._observed.size - self._position)
        if wanted <= 0:
            return 0
        piece = self._piece(wanted)
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _piece(self, wanted: int) -> bytes:
        """At least one byte of what comes next, however often the connection breaks; TRIES in a row are given up."""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            if self._body is None:
                self._ask()
            lost: Exception | None = None
            try:
                piece = bytes(self._body.read(wanted))
            except failures() as error:
                lost = error
            else:
                if piece:
                    self._left -= len(piece)
                    return piece
            self._break_off()
        raise self._unavailable("the connection breaks again and again", "it is tried again later") from lost

    def _ask(self) -> None:
        """Ask for the rest of the object from here on."""
        part = {"Range": f"bytes={self._position}-"} if self._position else {}
        with self._translated():
            answer = self._connection.client().get_object(**self._place, **part)
        self._body, self._left = answer["Body"], self._observed.size - self._position
        whole = str(answer.get("ContentRange", "")).rpartition("/")[2] or answer["ContentLength"]
        if self._position and "ContentRange" not in answer:
            raise self._unavailable("the service ignores from where on it is asked", "it is tried again later")
        self._compare(answer, int(whole))

    def _check_again(self) -> None:
        try:
            with self._translated():
                answer = self._connection.client().head_object(**self._place)
        except FileUnreadable as error:
            if error.__cause__ is not None and is_gone(error.__cause__):
                raise self._changed("it was deleted") from error
            raise
        self._compare(answer, int(answer["ContentLength"]))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of botocore's in our words. It has asked several times already where that may help."""
        try:
            yield
        except SourceError:
            raise
        except failures() as error:
            if is_changed(error):
                raise self._changed() from error
            why = refusal(error)
            if concerns_object(error):
                raise FileUnreadable(f"{self._described} can't be read: {why.what}", hint=why.hint) from error
            raise self._unavailable(why.what, why.hint) from error

    def _unavailable(self, what: str, hint: str) -> SourceUnavailable:
        why = SourceUnavailable(f"{self._described} can't be read: {what}", hint=hint)
        self._connection.failed(why)
        return why

    def _compare(self, answer: dict[str, Any], size: int) -> None:
        """Whatever a service makes of If-Match, its answer names what it is about."""
        if size != self._observed.size or (self._observed.token and answer.get("ETag") != self._observed.token):
            raise self._changed()

    def _changed(self, how: str = "another object is there") -> FileChanged:
        return FileChanged(f"{self._described} changed since it was listed: {how}", hint=_LOOK_AGAIN)

    def _hang_up(self) -> None:
        """Let go of the answer; its connection is kept where little of it is left."""
        if self._body is not None and 0 < self._left <= DRAINED:
            try:
                self._body.read(self._left)
            except failures():
                self._left = 0  # it goes, with its connection
        self._break_off()

    def _break_off(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
