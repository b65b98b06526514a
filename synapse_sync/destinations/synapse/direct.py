"""The direct route: one multipart POST per file (protocol §4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from synapse_sync.destinations.synapse import multipart
from synapse_sync.destinations.synapse.calls import UPLOAD, Body, slices
from synapse_sync.destinations.synapse.content import Content
from synapse_sync.destinations.synapse.files import content_ref
from synapse_sync.destinations.synapse.transport import Transport
from synapse_sync.records import ContentRef

IN_MEMORY = 1 << 20
"""Bytes: a file up to this size is read whole, so that one that changed is noticed before anything is sent."""


def upload(transport: Transport, content: Content) -> ContentRef:
    """Send `content` whole and return what the server calls it.

    Raises ContentMismatch where the bytes are not those of its digests: the request then stays incomplete and the
    server stores nothing. Raises OutcomeUnknown where the answer was lost, and other DestinationErrors.
    """
    doing = f"upload {content.name}"
    head = multipart.head(content.name)
    pieces = _body(head, content)
    if content.digests.size <= IN_MEMORY:
        pieces = slices(b"".join(pieces))
    length = len(head) + content.digests.size + len(multipart.TAIL)
    answer = transport.call("POST", "data_files/", doing, UPLOAD, body=Body(multipart.CONTENT_TYPE, length, pieces))
    return content_ref(answer, content.digests, doing)


def _body(head: bytes, content: Content) -> Iterator[bytes]:
    """The request's body; it does not end where the content turns out to be another one."""
    yield head
    yield from content.pieces(content.digests.size)
    content.verify()
    yield multipart.TAIL
