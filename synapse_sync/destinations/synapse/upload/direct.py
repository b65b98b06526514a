"""The direct route: one multipart POST per file (protocol §4.2)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from synapse_sync.destinations.base import Small, SmallContent
from synapse_sync.destinations.synapse.files import content_ref
from synapse_sync.destinations.synapse.http.calls import UPLOAD, Body, slices
from synapse_sync.destinations.synapse.http.errors import Answer
from synapse_sync.destinations.synapse.http.lanes import Lanes, Request
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload import multipart
from synapse_sync.destinations.synapse.upload.content import Content, changed
from synapse_sync.errors import DestinationError, SourceError
from synapse_sync.records import ContentRef

IN_MEMORY = 1 << 20
"""Bytes: a file up to this size is read whole, so that one that changed is noticed before anything is sent."""


def upload(transport: Transport, content: Content) -> ContentRef:
    """Send `content` whole and return what the server calls it.

    Raises ContentMismatch where the bytes are not those of its digests: the request then stays incomplete and the
    server stores nothing. Raises OutcomeUnknown where the answer was lost, and other DestinationErrors.
    """
    doing = _doing(content.name)
    head = multipart.head(content.name)
    pieces = _body(head, content)
    if content.digests.size <= IN_MEMORY:
        pieces = slices(b"".join(pieces))
    length = len(head) + content.digests.size + len(multipart.TAIL)
    answer = transport.call("POST", "data_files/", doing, UPLOAD, body=Body(multipart.CONTENT_TYPE, length, pieces))
    return content_ref(answer, content.digests, doing)


def upload_small(
    transport: Transport,
    lanes: Lanes[Small],
    contents: SimpleQueue[Small | None],
    done: Callable[[Small, ContentRef | SourceError | DestinationError], None],
    stopping: threading.Event,
) -> None:
    """Send contents from a queue by way of `lanes` until a None; done(content, outcome) as each ends.

    What does not have its digests, or can't be read, is not sent. Outcomes are those of upload().
    """

    def request(small: Small) -> Request:
        body = multipart.head(small.name) + whole(small) + multipart.TAIL
        return transport.request("POST", "data_files/", _doing(small.name), multipart.CONTENT_TYPE, body)

    def ended(small: Small, outcome: Answer | SourceError | DestinationError) -> None:
        result: ContentRef | SourceError | DestinationError
        try:
            if isinstance(outcome, Answer):
                doing = _doing(small.name)
                result = content_ref(transport.value(outcome, doing, UPLOAD), small.digests, doing)
            else:
                result = outcome
        except DestinationError as error:
            result = error
        done(small, result)

    lanes.run(contents, request, ended, stopping)


def whole(small: SmallContent) -> bytes:
    """All bytes of a small content. Raises ContentMismatch where they are not those of its digests, SourceError."""
    data = small.read()
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if (sha1, len(data)) != (small.digests.sha1, small.digests.size):
        raise changed(small.name)
    return data


def _doing(name: str) -> str:
    return f"upload {name}"


def _body(head: bytes, content: Content) -> Iterator[bytes]:
    """The request's body; it does not end where the content turns out to be another one."""
    yield head
    yield from content.pieces(content.digests.size)
    content.verify()
    yield multipart.TAIL
