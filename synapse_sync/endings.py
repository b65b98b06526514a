"""Whether a content breaks off before its end, for formats that say cheaply where that is.

JPEG, PNG, ZIP (so also XLSX, DOCX, NPZ), PDF and gzip are told by their first bytes, never by a name; nothing else is
judged, and what begins like one of them and is built otherwise isn't either: a false alarm would hold a good file. What
stands behind the end mark is nobody's business: padding, the video of a motion photo, a second picture.

The first and last bytes tell of nearly all. Only gzip, which has no mark (its length and checksum at the end can be any
bytes), has to be unpacked, up to 64 MiB; and a JPEG or PNG that seems to lack its mark is looked through once more.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

from synapse_sync.records import Ends

MOST_UNPACKED_FROM, MOST_UNPACKED_TO = 64 << 20, 1 << 30  # bytes; a gzip above either is not judged
_PIECE = 1 << 20

_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_LOWEST, _SCAN, _END, _FILL = 0xC0, 0xDA, 0xD9, 0xFF  # markers, from the lowest in a header (ITU-T T.81, B.1)
_ALONE = frozenset({0x01, *range(0xD0, 0xD8), _FILL})  # those without a length: TEM, RST0 to RST7, and bytes that fill
_JPEG_NAMES = {b"\xe0": (b"JFIF", b"JFXX", b"AVI1"), b"\xe1": (b"Exif", b"http")}  # of what most begin with
_PNG_FIRST = b"\0\0\0\rIHDR"  # the first chunk's length and type
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"  # the last chunk's type and its checksum
_ZIP, _ZIP_END, _ZIP_END_SIZE = b"PK\x03\x04", b"PK\x05\x06", 22  # APPNOTE 4.3.16; a comment may follow
_ZIP_METHOD = 99  # the highest number of a way to compress (APPNOTE 4.4.5)
_PDF, _PDF_END = b"%PDF-", re.compile(rb"%%EOF|startxref\s+\d+\s")
_PDF_VERSION = 20  # bytes: a version and little more
_PDF_LENGTH = re.compile(rb"/Linearized\b[^>]{0,200}?/L\s+(\d+)")  # made for the web: an end mark stands early, too
_GZIP = b"\x1f\x8b\x08"
_WITH_HEADER = 31  # zlib's word for "gzip, 32 KiB window"


class _Other(Exception):
    """It begins like the format, and is built otherwise."""


class _Content(NamedTuple):
    """What is known of one, and the stream to know more."""

    head: bytes
    tail: bytes
    size: int
    stream: BinaryIO


def breaks_off(ends: Ends, size: int, stream: BinaryIO) -> str:
    """Completes the sentence "FILE …" for a content that is empty or broken off; "" for all others.

    stream: the content, able to seek; it is read once more where its ends don't tell, and left anywhere.
    """
    if not size:
        return "is empty"
    found = _FORMATS.get(ends.head[:2])
    if found is None or not ends.head.startswith(found.mark):
        return ""
    try:
        whole = found.whole(_Content(*ends, size, stream))
    except _Other:
        return ""
    return "" if whole else f"ends in the middle: {size:,} bytes of {found.name}"


def _whole_jpeg(content: _Content) -> bool:
    """The end mark is looked for behind the header only: that may hold a small picture with an end mark of its own."""
    _expect(content.head[6:10], _JPEG_NAMES.get(content.head[3:4], (b"",)))
    scan = _jpeg_scan(io.BytesIO(content.head))
    end = content.tail.rfind(_JPEG_END)
    if scan is not None and end >= 0 and content.size - len(content.tail) + end >= scan:
        return True
    scan = _jpeg_scan(content.stream)
    if scan is None:
        return False
    content.stream.seek(scan)
    last = b""
    while piece := content.stream.read(_PIECE):
        if _JPEG_END in last + piece[:1] or _JPEG_END in piece:
            return True
        last = piece[-1:]
    return False


def _jpeg_scan(stream: BinaryIO) -> int | None:
    """Where the first picture itself begins, past all segments of the header; None where the header breaks off."""
    at = 2
    while True:
        stream.seek(at)
        found = stream.read(4)
        if len(found) < 4 or not any(found):
            return None  # nothing, or what is still to be written: the size came first
        length = int.from_bytes(found[2:])
        if found[0] != _FILL or (found[1] not in _ALONE and (found[1] < _LOWEST or (length < 2 and found[1] != _END))):
            raise _Other
        if found[1] == _END:
            return at  # tables without a picture
        if found[1] == _SCAN:
            return at + 2 + length
        at += 1 if found[1] == _FILL else 2 if found[1] in _ALONE else 2 + length


def _whole_png(content: _Content) -> bool:
    _expect(content.head[8:16], (_PNG_FIRST,))
    if _PNG_END in content.tail:
        return True
    at = len(_PNG)
    while at + 12 <= content.size:  # length, type, content, checksum
        content.stream.seek(at)
        found = content.stream.read(8)
        if not any(found):
            return False  # what is still to be written: the size came first
        if not found[4:].isalpha():
            raise _Other
        at += 12 + int.from_bytes(found[:4])
        if found[4:] == b"IEND":
            return at <= content.size
    return False


def _whole_zip(content: _Content) -> bool:
    """Readers look for the record at the end within the last 64 KiB, the longest comment."""
    if int.from_bytes(content.head[8:10], "little") > _ZIP_METHOD:
        raise _Other
    at = content.tail.rfind(_ZIP_END)
    while at >= 0:
        record, rest = content.tail[at : at + _ZIP_END_SIZE], content.tail[at + _ZIP_END_SIZE :]
        if len(record) == _ZIP_END_SIZE and len(rest) >= int.from_bytes(record[-2:], "little"):
            return True
        at = content.tail.rfind(_ZIP_END, 0, at)
    return False


def _whole_pdf(content: _Content) -> bool:
    if b"obj" not in content.head and content.size > _PDF_VERSION:
        raise _Other
    linearized = _PDF_LENGTH.search(content.head, 0, 1024)
    if linearized and int(linearized[1]) > content.size:
        return False
    return _PDF_END.search(content.tail) is not None


def _whole_gzip(content: _Content) -> bool:
    """Unpack it, member by member; what follows the last one is padding. Nothing unpacked is kept."""
    if content.size > MOST_UNPACKED_FROM:
        raise _Other
    stream = content.stream
    stream.seek(0)
    member, unpacked = zlib.decompressobj(_WITH_HEADER), 0
    data = stream.read(_PIECE)
    while data:
        try:
            unpacked += len(member.decompress(data, _PIECE))
        except zlib.error as error:
            raise _Other from error
        if unpacked > MOST_UNPACKED_TO:
            raise _Other
        data = member.unconsumed_tail
        if member.eof:
            data = member.unused_data + (stream.read(_PIECE) if len(member.unused_data) < len(_GZIP) else b"")
            if not data.startswith(_GZIP):
                return True
            member = zlib.decompressobj(_WITH_HEADER)
        data = data or stream.read(_PIECE)
    return member.eof


def _expect(found: bytes, names: Iterable[bytes]) -> None:
    """What stands there is one of these, or the beginning of one: the content may break off right here."""
    if not any(name.startswith(found) or found.startswith(name) for name in names):
        raise _Other


class _Format(NamedTuple):
    mark: bytes
    name: str
    whole: Callable[[_Content], bool]


_FORMATS = {
    one.mark[:2]: one
    for one in (
        _Format(_JPEG, "a JPEG without its end mark", _whole_jpeg),
        _Format(_PNG, "a PNG without its end mark", _whole_png),
        _Format(_ZIP, "a ZIP or XLSX file without its end mark", _whole_zip),
        _Format(_PDF, "a PDF without its end mark", _whole_pdf),
        _Format(_GZIP, "a gzip file without its end", _whole_gzip),
    )
}
