"""An object that is read only while it is what was observed: every request is for that ETag alone.

One request for all that is read in a row, however large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from synapse_sync.errors import FileUnreadable, SourceError
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.remote_reading import Lost, RemoteFile
from synapse_sync.sources.s3.refusals import concerns_object, failures, is_changed, is_gone, refusal

DRAINED = 64 << 10  # bytes left of an answer that are read, so that its connection can be used again

_REPLACED = "another object is there"


class ObservedObject(RemoteFile):
    """The object at `place` (Bucket and Key), held against its observation; see RemoteFile for what it raises."""

    def __init__(
        self, connection: Connection[Any], place: Mapping[str, str], described: str, observed: Observation
    ) -> None:
        super().__init__(connection, described, observed)
        self._place = place if not observed.token else {**place, "IfMatch": str(observed.token)}
        self._body: Any = None
        self._left = 0

    def _next(self, wanted: int) -> bytes:
        if self._body is None:
            self._ask()
        try:
            piece = bytes(self._body.read(wanted))
        except failures() as error:
            raise Lost from error
        self._left -= len(piece)
        return piece

    def _ask(self) -> None:
        """Ask for the rest of the object from here on."""
        part = {"Range": f"bytes={self._position}-"} if self._position else {}
        with self._translated():
            answer = self._client().get_object(**self._place, **part)
        self._body, self._left = answer["Body"], self._observed.size - self._position
        whole = str(answer.get("ContentRange", "")).rpartition("/")[2] or answer["ContentLength"]
        if self._position and "ContentRange" not in answer:
            raise self._unavailable("the service ignores from where on it is asked", "it is tried again later")
        self._compare(answer, int(whole))

    def _check_again(self) -> None:
        self._let_go()
        try:
            with self._translated():
                answer = self._client().head_object(**self._place)
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
                raise self._changed(_REPLACED) from error
            why = refusal(error)
            if concerns_object(error):
                raise FileUnreadable(f"{self._described} can't be read: {why.what}", hint=why.hint) from error
            raise self._unavailable(why.what, why.hint) from error

    def _compare(self, answer: dict[str, Any], size: int) -> None:
        """Whatever a service makes of If-Match, its answer names what it is about."""
        if size != self._observed.size or (self._observed.token and answer.get("ETag") != self._observed.token):
            raise self._changed(_REPLACED)

    def _moved(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
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
