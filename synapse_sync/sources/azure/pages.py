"""What a page of a container's listing says. Pure, but for what it reads.

An answer that is none of a listing, or not whole, raises: it must never look like a container without blobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element, ParseError, iterparse

from synapse_sync.records import Observation
from synapse_sync.sources.object_names import nanoseconds
from synapse_sync.sources.versions import token_of

if TYPE_CHECKING:
    from _typeshed import SupportsRead

LONGEST = 64 << 20
"""Bytes of a page: 5,000 blobs have at most 8 KiB of metadata each, and names of 1,024 characters (Azure's limits)."""

_DEPTH = 3  # of a blob: <EnumerationResults><Blobs><Blob>; deeper ones are what users call their metadata


class Page(NamedTuple):
    """Names of blobs with what is said of them, and what to ask for the next page with; "" after the last."""

    found: list[tuple[bytes, Observation]]
    marker: str


class NoPage(Exception):
    """What was answered is no page."""


class _Bounded:
    """An answer that may have no end. Raises NoPage where it is longer than any page."""

    def __init__(self, stream: SupportsRead[bytes]) -> None:
        self._stream = stream
        self._left = LONGEST

    def read(self, amount: int = 1 << 16, /) -> bytes:
        """Up to so many bytes."""
        piece = self._stream.read(amount)
        self._left -= len(piece)
        if self._left < 0:
            raise NoPage
        return piece


def page_of(stream: SupportsRead[bytes]) -> Page:
    """The page that is answered. Raises NoPage, and what reading raises."""
    found: list[tuple[bytes, Observation]] = []
    marker: str | None = None
    try:
        for depth, element in _ended(_Bounded(stream)):
            if depth == _DEPTH and element.tag == "Blob":
                if _is_file(element):
                    found.append((_name(element), _observation(element)))
                element.clear()
            elif depth == _DEPTH - 1 and element.tag == "NextMarker":
                marker = element.text or ""
            elif depth == 1 and element.tag != "EnumerationResults":
                raise NoPage
    except (ParseError, ValueError, TypeError, LookupError, OverflowError) as error:  # also of encodings and times
        raise NoPage from error
    if marker is None:
        raise NoPage
    return Page(found, marker)


def _ended(stream: SupportsRead[bytes]) -> Iterator[tuple[int, Element]]:
    """Each element that ends, and how deep it is; the root first, when it begins."""
    depth = 0
    for event, element in iterparse(stream, events=("start", "end")):  # noqa: S314 - expat bounds what entities make
        if event == "start":
            depth += 1
            if depth == 1:
                yield depth, element
        else:
            yield depth, element
            depth -= 1


def _is_file(blob: Element) -> bool:
    """Whether it is no folder's marker, as hierarchical accounts and Hadoop have them, nor an older state of a blob.

    Neither snapshots nor deleted blobs are asked for.
    """
    if blob.findtext("Snapshot") or blob.findtext("Deleted") == "true" or blob.findtext("IsCurrentVersion") == "false":
        return False
    if blob.findtext("Properties/Content-Length") != "0":
        return True
    metadata = blob.find("Metadata")
    told = {item.tag.lower(): item.text for item in metadata} if metadata is not None else {}
    is_folder = str(told.get("hdi_isfolder")).lower() == "true"
    return not is_folder and blob.findtext("Properties/ResourceType") != "directory"


def _name(blob: Element) -> bytes:
    """Its name; what XML has no characters for comes quoted."""
    name = blob.find("Name")
    if name is None or not name.text:
        raise NoPage
    return unquote_to_bytes(name.text) if name.get("Encoded") == "true" else name.text.encode()


def _observation(blob: Element) -> Observation:
    """What a listing says of a blob: its ETag (another one after each change), and its MD5, by whoever wrote it.

    That of a blob which can be written in part is what it was when it was named, and says nothing.
    """
    told = blob.find("Properties")
    if told is None:
        raise NoPage
    etag = (told.findtext("Etag") or "").strip('"')
    if not etag:
        raise NoPage
    md5 = (told.findtext("Content-MD5") or "") if told.findtext("BlobType") == "BlockBlob" else ""
    size = int(told.findtext("Content-Length") or "")
    return Observation(size, _moment(told.findtext("Last-Modified") or ""), 0, token_of(etag, md5))


@lru_cache(1024)
def _moment(text: str) -> int:
    """A time as HTTP has it; many blobs have the same. Raises ValueError."""
    moment: datetime = parsedate_to_datetime(text)
    return nanoseconds(moment)
