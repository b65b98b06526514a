"""Many small contents by the presigned route: places are issued and confirmed in batches, and lanes send between.

    contents ─► issue (a thread) ─► lanes (the calling thread) ─► confirm (a thread) ─► done

A batch is what has come together while the one before was on its way, so that a single content hardly waits.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from synapse_sync.destinations.base import Small
from synapse_sync.destinations.synapse.http.calls import AT_ONCE
from synapse_sync.destinations.synapse.http.errors import Answer, try_later
from synapse_sync.destinations.synapse.http.lanes import Lanes, Request
from synapse_sync.destinations.synapse.upload.direct import whole
from synapse_sync.destinations.synapse.upload.presigned import Place, Presigned, Sent
from synapse_sync.destinations.synapse.upload.presigned_upload import PresignedUpload
from synapse_sync.destinations.synapse.upload.storage import Storage, Target, etag, in_one_call
from synapse_sync.errors import Busy, DestinationError, SourceError
from synapse_sync.records import ContentRef

Outcome = ContentRef | SourceError | DestinationError
_Item = TypeVar("_Item")


class _Placed(NamedTuple, Generic[Small]):
    content: Small
    place: Place
    target: Target


class _There(NamedTuple, Generic[Small]):
    content: Small
    sent: Sent


class _Dropped(Busy):
    """Not sent, as no more is to be sent: nobody is told."""


class SmallUploads(Generic[Small]):
    """Sends the contents of one queue; done(content, outcome) is called from several threads, as each ends."""

    def __init__(
        self,
        presigned: Presigned,
        storage: Storage,
        lanes: Lanes[_Placed[Small]],
        done: Callable[[Small, Outcome], None],
        algorithm: Literal["md5", "sha1"],
    ) -> None:
        self._presigned = presigned
        self._storage = storage
        self._lanes = lanes
        self._done = done
        self._algorithm: Literal["md5", "sha1"] = algorithm
        self._placed: SimpleQueue[_Placed[Small] | None] = SimpleQueue()
        self._there: SimpleQueue[_There[Small] | None] = SimpleQueue()
        self._contents: SimpleQueue[Small | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._fault: BaseException | None = None

    def run(self, contents: SimpleQueue[Small | None], stopping: threading.Event) -> None:
        """Send what comes until a None; all before it have ended then. Once `stopping` is set what was not sent is
        dropped.
        """
        self._stopping, self._contents = stopping, contents
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="presigned") as pool:
            pool.submit(self._watched, self._issue_all, pool)
            pool.submit(self._watched, self._confirm_all)
            self._watched(self._lanes.run, self._placed, self._request, self._sent, stopping)
            self._there.put(None)
        if self._fault is not None:
            raise self._fault

    def _watched(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do a thread's work; what no content is at fault for ends the work of all, and run() raises it."""
        try:
            act(*arguments)
        except BaseException as fault:  # noqa: BLE001 - raised by run()
            self._fault = self._fault or fault
            self._stopping = _SET
            self._contents.put(None)

    def _issue_all(self, pool: ThreadPoolExecutor) -> None:
        try:
            more = True
            while more:
                batch, more = _batch(self._contents)
                if batch and not self._stopping.is_set():
                    self._issue(batch, pool)
        finally:
            self._placed.put(None)

    def _issue(self, batch: list[Small], pool: ThreadPoolExecutor) -> None:
        try:
            places = self._presigned.issue([(content.name, content.digests.size) for content in batch])
        except DestinationError as error:
            places = [error] * len(batch)
        for content, place in zip(batch, places, strict=True):
            if isinstance(place, DestinationError):
                self._done(content, place)
            elif place.target is None or not self._storage.has_lanes(place.target.origin):
                pool.submit(self._watched, self._send_parts, content, place)
            else:
                self._placed.put(_Placed(content, place, place.target))

    def _send_parts(self, content: Small, place: Place) -> None:
        """A server may want even a small content in parts, and a proxy has no lanes."""
        if self._stopping.is_set():
            return
        outcome: Outcome
        try:
            stream = io.BytesIO(content.read())
            upload = PresignedUpload(
                self._presigned, self._storage, stream, content.name, content.digests, _untold, self._algorithm
            )
            outcome = upload.run(None, place)
        except (DestinationError, SourceError) as error:
            outcome = error
        self._done(content, outcome)

    def _request(self, placed: _Placed[Small]) -> Request:
        content, place, target = placed
        doing = f"upload {content.name}"
        if self._stopping.is_set():
            raise _Dropped(doing)
        if time.time() > place.expires:
            raise try_later(doing, "its presigned URL expired before it was sent; another is asked for")
        data = whole(content)
        headers = [("Host", target.host), ("Content-Length", str(len(data))), ("Accept-Encoding", "identity")]
        return Request(doing, "PUT", target.path, headers, data, target.origin)

    def _sent(self, placed: _Placed[Small], outcome: Answer | SourceError | DestinationError) -> None:
        content, place, _ = placed
        doing = f"upload {content.name}"
        try:
            if not isinstance(outcome, Answer):
                raise outcome
            tag = etag(outcome, doing)
            self._storage.compare(tag, content.digests.md5, doing)
        except _Dropped:
            return
        except DestinationError as error:
            self._done(content, in_one_call(error, doing))
        except SourceError as error:
            self._done(content, error)
        else:
            self._there.put(_There(content, Sent(content.name, content.digests, place.file_key, "", {1: tag})))

    def _confirm_all(self) -> None:
        more = True
        while more:
            batch, more = _batch(self._there)
            if sound := [there for there in batch if self._is_sound(there)]:
                self._confirm(sound)

    def _is_sound(self, there: _There[Small]) -> bool:
        """Hold its ETag against what was sent once more: what ETags are may have been learned meanwhile."""
        try:
            self._storage.compare(there.sent.etags[1], there.sent.digests.md5, f"upload {there.sent.name}")
        except DestinationError as error:
            self._done(there.content, error)
            return False
        return True

    def _confirm(self, batch: list[_There[Small]]) -> None:
        try:
            outcomes = self._presigned.confirm([there.sent for there in batch], self._algorithm)
        except DestinationError as error:
            outcomes = [error] * len(batch)
        for there, outcome in zip(batch, outcomes, strict=True):
            self._done(there.content, outcome)


_SET = threading.Event()
_SET.set()
_SOON = 0.005  # seconds in which items that come together meet; a request of one alone would keep the others waiting
_THREADS = 6  # one issues, one confirms, the rest are for contents in parts


def _untold(*_: object) -> None:
    """Nobody need know how far a small content came."""


def _batch(queue: SimpleQueue[_Item | None]) -> tuple[list[_Item], bool]:
    """What is there, up to AT_ONCE, soon after there is something; and whether more may come."""
    items: list[_Item] = []
    item = queue.get()
    until = time.monotonic() + _SOON
    while item is not None:
        items.append(item)
        if len(items) == AT_ONCE:
            return items, True
        try:
            item = queue.get(timeout=max(until - time.monotonic(), 0.0))
        except Empty:
            return items, True
    return items, False
