"""The chunked route: large files in pieces that survive a restart (protocol §4.3).

    PUT chunked_upload/ → id, then PUT chunked_upload/{id}/ …   each chunk, from the offset that the server names
    POST chunked_upload/{id}/ {"md5"}                           finalize: the server compares the whole
    POST data_files/ {"chunked_upload": id}                     claim: the upload becomes a data file

The server's own offset decides where to go on; what lies before it is hashed again from the file, so the content as a
whole is compared with its digests before it is finalized. A call whose answer was lost is never repeated here: the
server is asked how far it got, and unless that shows progress the attempt ends and a later one resumes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from synapse_sync.destinations.synapse.files import content_ref
from synapse_sync.destinations.synapse.http.errors import try_later
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload.content import Content
from synapse_sync.destinations.synapse.upload.unfinished import GONE, Pace, State, Unfinished
from synapse_sync.errors import Busy, ContentMismatch, DestinationError, OutcomeUnknown, Rejected
from synapse_sync.records import ContentRef, UploadProgress

Progress = Callable[[UploadProgress, int], None]

_FINALIZING = "finalizing"
"""Key in UploadProgress.parts: when finalize was sent (seconds since the epoch); the server may still be at it."""


class ChunkedUpload:
    """One attempt to bring one content to the server; `progress` learns of each step before the next is made."""

    def __init__(self, transport: Transport, content: Content, chunk_size: int, progress: Progress, pace: Pace) -> None:
        self._content = content
        self._size = content.digests.size
        self._chunk_size = chunk_size
        self._progress = progress
        self._upload = Unfinished(transport, content, pace)

    def run(self, resume: UploadProgress | None) -> ContentRef:
        """Send what the server lacks, finalize, claim.

        Raises Busy with scope "call" where a later attempt is to go on from the stored progress, ContentMismatch where
        the bytes are not the expected ones, here or there, OutcomeUnknown where the claim's answer was lost, and other
        DestinationErrors as they come.
        """
        state = self._resumed(resume)
        if state is None or not state.completed:
            self._content.advance(state.offset if state else 0)
            while self._content.position < self._size:
                self._send_chunk()
            self._content.verify()
            self._finalize(resume.parts.get(_FINALIZING) if resume and state else None)
        return self._claim(resumed=state is not None)

    def _resumed(self, resume: UploadProgress | None) -> State | None:
        """The state of the upload to go on with; None where there is none, or none that the server still has."""
        if resume is None or not resume.upload_id:
            return None
        self._upload.id = resume.upload_id
        state = self._upload.state()
        if state is None or not 0 <= state.offset <= self._size:
            self._upload.id = ""
            return None
        return state

    def _send_chunk(self) -> None:
        """Send one chunk from the content's position, then stand wherever the server stands."""
        before = self._content.mark()
        start = before.position
        try:
            offset = self._upload.put(min(start + self._chunk_size, self._size))
        except (OutcomeUnknown, Rejected) as lost:
            offset = self._offset_after(lost, start)
        if not start < offset <= self._size:
            raise self._anew(f"the server is at {offset}, not after {start}")
        if offset != self._content.position:
            self._content.back(before)
            self._content.advance(offset)
        self._report(offset - start)

    def _offset_after(self, lost: OutcomeUnknown | Rejected, start: int) -> int:
        """Where the server stands after a chunk from `start` that got no good answer. Raises unless it has moved on."""
        if not self._upload.id:
            offset: int | None = start  # an upload that this may have begun is unknown to us, and expires by itself
        else:
            offset = None if lost.status in GONE else self._upload.settled_offset()
        if offset is None:
            raise self._anew("the server no longer has the unfinished upload") from lost
        if offset == start and isinstance(lost, Rejected):
            raise lost
        if offset == start:
            raise try_later(self._upload.doing, f"the bytes from {start} on did not arrive") from lost
        return offset

    def _finalize(self, sent_before: float | None) -> None:
        """Have the server put the file together, unless a request of an earlier attempt (at `sent_before`) does it."""
        if sent_before is not None and self._upload.completes(sent_before):
            return
        now = time.time()
        self._report(0, {_FINALIZING: now})
        try:
            self._upload.finalize()
        except OutcomeUnknown as lost:
            if not self._upload.completes(now):
                raise try_later(self._upload.doing, "the server did not put the file together in time") from lost
        except Rejected as refused:
            state = self._upload.state()
            if state is None or not state.completed:  # else it was complete already, which is refused too
                self._forget()
                hint = "the server does not hold the bytes that we sent; nothing is registered, and they are sent anew"
                raise ContentMismatch(refused.message, hint=hint, status=refused.status) from refused
        except DestinationError:
            self._report(0)  # it did not reach the server: nothing to wait for next time
            raise

    def _claim(self, *, resumed: bool) -> ContentRef:
        """What the server calls the content, now a data file."""
        try:
            answer = self._upload.claim()
        except Rejected as refused:
            if resumed:  # an earlier claim, whose answer was lost, may have used the upload up
                raise self._anew(refused.message) from refused
            self._forget()
            raise
        return content_ref(answer, self._content.digests, self._upload.doing)

    def _report(self, sent: int, parts: dict[str, float] | None = None) -> None:
        """Tell `progress` where we stand, and how many bytes were sent since the last time."""
        self._progress(UploadProgress("chunked", self._upload.id, self._content.position, dict(parts or {})), sent)

    def _forget(self) -> None:
        """Make the next attempt begin a new upload."""
        self._progress(UploadProgress("chunked"), 0)

    def _anew(self, why: str) -> Busy:
        """The error after which the next attempt begins a new upload."""
        self._forget()
        return try_later(self._upload.doing, f"{why}; the file is sent anew")
