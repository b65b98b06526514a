"""One content to its presigned place: one PUT, or parts side by side; it survives a restart (protocol §4.4, §4.5).

One PUT is hashed as it goes. Parts are sent by threads while one reading of the file from front to back, a little ahead
of them, hashes the whole and each part: a part is done when the MD5 of the bytes that went out is that of the reading.
The place is confirmed only when the whole has its digests: what the storage holds is then exactly the content. Memory
holds one piece a part.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, Literal

from synapse_sync.destinations.synapse.http.calls import PIECE
from synapse_sync.destinations.synapse.http.errors import PlaceRefused, try_later
from synapse_sync.destinations.synapse.upload.content import Content, Shared
from synapse_sync.destinations.synapse.upload.presigned import Place, Presigned, Sent
from synapse_sync.destinations.synapse.upload.storage import Storage
from synapse_sync.errors import ContentMismatch, DestinationError, FileUnreadable, OutcomeUnknown, Rejected
from synapse_sync.records import ContentRef, Digests, UploadProgress

Progress = Callable[[UploadProgress, int], None]

SIDE_BY_SIDE = 4
"""Parts of one content under way at once: more gain little beside other files (production's parts are 100 MiB)."""

_AGAIN = "nothing of it is registered, and it is looked at again"

_LEFT = 60.0
"""Seconds of a URL's life that make it worth going on with."""


class PresignedUpload:
    """One attempt for one content; `progress` learns of each part before the next is counted on."""

    def __init__(
        self,
        presigned: Presigned,
        storage: Storage,
        stream: BinaryIO,
        name: str,
        digests: Digests,
        progress: Progress,
        algorithm: Literal["md5", "sha1"],
    ) -> None:
        self._presigned = presigned
        self._storage = storage
        self._shared = Shared(stream)
        self._content = Content(self._shared.view(), name, digests)
        self._digests = digests
        self._doing = f"upload {name}"
        self._progress = progress
        self._algorithm: Literal["md5", "sha1"] = algorithm
        self._lock = threading.Lock()
        self._useless = False
        self._failure: BaseException | None = None
        self._place = Place("", 0.0)
        self._etags: dict[int, str] = {}
        self._md5s: dict[int, str] = {}

    def run(self, resume: UploadProgress | None, place: Place | None = None) -> ContentRef:
        """Send what is not there yet, and confirm. place: one that was just issued for it.

        Raises Busy with scope "call" where a later attempt is to go on, ContentMismatch where the bytes are not the
        expected ones, OutcomeUnknown where the confirmation's answer was lost (the next attempt confirms again), and
        other DestinationErrors as they come.
        """
        resumed = resume is not None and self._resumed(resume)
        if not resumed:
            self._place = place or self._issued()
            self._etags, self._md5s = {}, {}
        try:
            self._send()
            self._compare_all()
        except ContentMismatch:
            self._forget()
            raise
        (outcome,) = self._presigned.confirm(
            [Sent(self._content.name, self._digests, self._place.file_key, self._place.upload_id, self._etags)],
            self._algorithm,
        )
        if isinstance(outcome, DestinationError):
            if not isinstance(outcome, OutcomeUnknown):
                self._forget()  # a place that was refused, or is spent, is of no more use
            if resumed and isinstance(outcome, Rejected):  # the server may have given up what it issued long ago
                raise try_later(self._doing, f"{outcome.message}; the file is sent anew") from outcome
            raise outcome
        return outcome

    def _issued(self) -> Place:
        (place,) = self._presigned.issue([(self._content.name, self._digests.size)])
        if isinstance(place, DestinationError):
            raise place
        return place

    def _resumed(self, resume: UploadProgress) -> bool:
        """Take an earlier attempt's place over; False where it has expired while something is still to be sent."""
        kept = resume.parts
        try:
            self._place = Place(
                resume.upload_id, float(kept["expires"]), kept["url"], kept["upload"], kept["part_size"],
                _numbered(kept["parts"]),
            )  # fmt: skip
            self._etags, self._md5s = _numbered(kept["etags"]), _numbered(kept["md5s"])
        except (KeyError, TypeError, ValueError, AttributeError):
            return False  # not what this version keeps
        left = (self._place.parts.keys() or {1}) - self._etags.keys()
        return not left or time.time() < self._place.expires - _LEFT

    def _send(self) -> None:
        if self._place.parts:
            self._send_parts()
        elif not self._etags:  # else it was whole when its ETag came
            size = self._digests.size
            tag = self._put(self._place.url, size, self._content.pieces(size))
            self._content.verify()
            self._done(1, tag, self._digests.md5, size)

    def _send_parts(self) -> None:
        """Read the content once from front to back, have its parts sent beside, wait for them."""
        ahead = threading.Semaphore(SIDE_BY_SIDE + 1)
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="part") as pool:
            try:
                for number in sorted(self._place.parts):
                    start = self._content.position
                    md5 = self._hashed(min(start + self._place.part_size, self._digests.size))
                    if self._etags.get(number) and self._md5s.get(number) == md5:
                        continue
                    ahead.acquire()
                    if self._failure is not None:
                        pool.shutdown(wait=False, cancel_futures=True)
                        break
                    part = pool.submit(self._send_part, number, start, self._content.position, md5)
                    part.add_done_callback(self._ended)
                    part.add_done_callback(lambda _: ahead.release())
            except ContentMismatch:
                self._useless = True
                raise
        if self._failure is not None:
            raise self._failure
        self._content.verify()

    def _ended(self, part: Future[None]) -> None:
        """Keep what went wrong first; the others may be a consequence."""
        if not part.cancelled():
            self._failure = self._failure or part.exception()

    def _hashed(self, end: int) -> str:
        """Read on up to `end`; the MD5 of what was read."""
        md5 = hashlib.md5(usedforsecurity=False)
        for piece in self._content.pieces(end):
            md5.update(piece)
        return md5.hexdigest()

    def _send_part(self, number: int, start: int, end: int, md5: str) -> None:
        sent = hashlib.md5(usedforsecurity=False)
        tag = self._put(self._place.parts[number], end - start, self._pieces(start, end, sent))
        if sent.hexdigest() != md5:
            raise ContentMismatch(f"{self._content.name} changed while it was sent", hint=_AGAIN)
        self._done(number, tag, md5, end - start)

    def _put(self, url: str, length: int, pieces: Iterator[bytes]) -> str:
        """The ETag of what was sent to this URL of the place; a place that takes nothing more is forgotten."""
        if time.time() > self._place.expires:
            self._forget()
            raise try_later(self._doing, "its presigned URL expired before it was sent; another is asked for")
        try:
            return self._storage.put(url, length, pieces, self._doing)
        except PlaceRefused:
            self._forget()
            raise

    def _done(self, number: int, tag: str, md5: str, sent: int) -> None:
        """A part stands in its place."""
        self._storage.compare(tag, md5, self._doing)
        with self._lock:
            self._etags[number], self._md5s[number] = tag, md5
            if not self._useless:
                self._progress(self._state(), sent)

    def _compare_all(self) -> None:
        """Hold all ETags against what was sent: what they are may have been learned from a later one."""
        for number, tag in sorted(self._etags.items()):
            try:
                self._storage.compare(tag, self._md5s[number], self._doing)
            except DestinationError:
                with self._lock:
                    del self._etags[number]
                    self._progress(self._state(), 0)
                raise

    def _pieces(self, start: int, end: int, md5: Any) -> Iterator[bytes]:
        while start < end:
            if self._useless:
                raise try_later(self._doing, "nothing more is sent to a place that is given up")
            try:
                piece = self._shared.read_at(start, min(PIECE, end - start))
            except OSError as cause:  # not to be taken for one of the connection's
                said = f"{self._content.name} can't be read: {cause}"
                raise FileUnreadable(said, hint="tried again by itself") from cause
            if not piece:
                raise ContentMismatch(f"{self._content.name} became shorter while it was sent", hint=_AGAIN)
            md5.update(piece)
            start += len(piece)
            yield piece

    def _state(self) -> UploadProgress:
        place = self._place
        kept = {
            "expires": place.expires, "url": place.url, "upload": place.upload_id, "part_size": place.part_size,
            "parts": place.parts, "etags": self._etags, "md5s": self._md5s,
        }  # fmt: skip
        sent = min(len(self._etags) * (place.part_size or self._digests.size), self._digests.size)
        return UploadProgress("presigned", place.file_key, sent, {name: _plain(value) for name, value in kept.items()})

    def _forget(self) -> None:
        """Make the next attempt ask for a new place."""
        with self._lock:
            self._useless = True
            self._progress(UploadProgress("presigned"), 0)


def _plain(value: Any) -> Any:
    return {str(number): inner for number, inner in value.items()} if isinstance(value, dict) else value


def _numbered(value: dict[str, str]) -> dict[int, str]:
    return {int(number): inner for number, inner in value.items()}
