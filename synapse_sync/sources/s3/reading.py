"""An object of an S3 service, asked for by its ETag alone; see ObjectFile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.object_reading import ObjectFile, number_of
from synapse_sync.sources.s3 import refusals


class ObservedObject(ObjectFile):
    """The object at `place` (Bucket and Key), held against its observation; see RemoteFile for what it raises."""

    def __init__(
        self, connection: Connection[Any], place: Mapping[str, str], described: str, observed: Observation
    ) -> None:
        super().__init__(connection, described, observed, refusals)
        self._place = place if not observed.token else {**place, "IfMatch": str(observed.token)}

    def _ask(self) -> None:
        part = {"Range": f"bytes={self._position}-"} if self._position else {}
        with self._translated():
            answer = self._client().get_object(**self._place, **part)
        self._comes(answer["Body"])
        size = self._size_told(str(answer.get("ContentRange", "")), answer.get("ContentLength"))
        self._compare(size, same=self._is_same(answer))

    def _look(self) -> None:
        with self._translated():
            answer = self._client().head_object(**self._place)
        self._compare(number_of(answer.get("ContentLength")), same=self._is_same(answer))

    def _is_same(self, answer: Mapping[str, Any]) -> bool:
        return not self._observed.token or answer.get("ETag") == self._observed.token
