"""An object of a bucket that is read only while it is what was observed: every request is for that one alone.

One request for all that is read in a row, however large. A kind of bucket says how it is asked, and what it refuses.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from synapse_sync.errors import FileUnreadable, SourceError
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote_reading import Lost, RemoteFile

DRAINED = 64 << 10  # bytes left of an answer that are read, so that its connection can be used again

_REPLACED = "another object is there"
_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)")


class Body(Protocol):
    """What comes of an answer, as it comes."""

    def read(self, amount: int, /) -> bytes:
        """Up to so many bytes."""

    def close(self) -> None:
        """Let go of it, and of its connection where some is left."""


def number_of(text: object) -> int:
    """A number of bytes; -1 where it is none."""
    return int(str(text)) if re.fullmatch("[0-9]{1,19}", str(text)) else -1


class Refusals(Protocol):
    """What a service's errors mean: the module `refusals` of each kind."""

    def failures(self) -> tuple[type[Exception], ...]:
        """What a request to the service raises."""

    def refusal(self, error: Exception, /) -> Refusal:
        """What one of them means."""

    def concerns_object(self, error: Exception, /) -> bool:
        """Whether it is this object that can't be had, while others may."""

    def is_changed(self, error: Exception, /) -> bool:
        """Whether another object is there than was asked for."""

    def is_gone(self, error: BaseException, /) -> bool:
        """Whether there is no such object."""


class ObjectFile(RemoteFile):
    """An object, held against its observation; see RemoteFile for what it raises."""

    def __init__(self, connection: Connection[Any], described: str, observed: Observation, refusals: Refusals) -> None:
        super().__init__(connection, described, observed)
        self._refusals = refusals
        self._body: Body | None = None
        self._left = 0

    @abstractmethod
    def _ask(self) -> None:
        """Ask for the object from the position on (_comes), and see what the answer says of it (_compare)."""

    @abstractmethod
    def _look(self) -> None:
        """Ask what the object is now, and hold that against the observation (_compare)."""

    def _comes(self, body: Body) -> None:
        self._body, self._left = body, self._observed.size - self._position

    def _next(self, wanted: int) -> bytes:
        if self._body is None:
            self._ask()
        assert self._body is not None
        try:
            piece = bytes(self._body.read(wanted))
        except self._refusals.failures() as error:
            raise Lost from error
        self._left -= len(piece)
        return piece

    def _check_again(self) -> None:
        self._let_go()
        try:
            self._look()
        except FileUnreadable as error:
            if error.__cause__ is not None and self._refusals.is_gone(error.__cause__):
                raise self._changed("it was deleted") from error
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the service's library in our words. It has asked several times already where that may help."""
        try:
            yield
        except SourceError:
            raise
        except self._refusals.failures() as error:
            if self._refusals.is_changed(error):
                raise self._changed(_REPLACED) from error
            why = self._refusals.refusal(error)
            if self._refusals.concerns_object(error):
                raise FileUnreadable(f"{self._described} can't be read: {why.what}", hint=why.hint) from error
            raise self._unavailable(why.what, why.hint) from error

    def _compare(self, size: int, *, same: bool) -> None:
        """Whatever a service makes of the condition, its answer names what it is about; same: whether it is that."""
        if size != self._observed.size or not same:
            raise self._changed(_REPLACED)

    def _size_told(self, content_range: str, content_length: object) -> int:
        """The size of the whole, by an answer to a request for what comes after the position; -1 where it is untold."""
        if content_range:
            told = self._whole(content_range)
            return self._observed.size if told is None else told
        if self._position:
            raise self._unavailable("the service ignores from where on it is asked", "it is tried again later")
        return number_of(content_length)

    def _whole(self, told: str) -> int | None:
        """The size of the file that an answer has a piece of (Content-Range); None where it does not say."""
        found = _RANGE.fullmatch(told)
        if found is None or int(found[1]) != self._position:
            raise self._unavailable("the server sends another piece than it is asked for", "it is tried again later")
        return None if found[2] == "*" else int(found[2])

    def _moved(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        """Let go of the answer; its connection is kept where little of it is left."""
        if self._body is not None and 0 < self._left <= DRAINED:
            try:
                self._body.read(self._left)
            except self._refusals.failures():
                self._left = 0  # it goes, with its connection
        self._break_off()

    def _break_off(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
