"""Whether a content breaks off before its end, for formats that say cheaply where that is. No I/O of its own.

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
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from synapse_sync.records import Ends

MOST_UNPACKED_FROM, MOST_UNPACKED_TO = 64 << 20, 1 << 30  # bytes; a gzip above either is not judged
_PIECE = 1 << 20

_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_LOWEST, _SCAN, _END, _FILL = (
    0xC0,
    0xDA,
    0xD9,
    0xFF,
)  # markers (ITU-T T.81, table B.1), from the lowest in a header
_ALONE = frozenset({0x01, *range(0xD0, 0xD8), _FILL})  # those without a length: TEM, RST0 to RST7, and bytes that fill
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"  # the last chunk's type and its checksum
_ZIP, _ZIP_END, _ZIP_END_SIZE = b"PK\x03\x04", b"PK\x05\x06", 22  # APPNOTE 4.3.16; a comment may follow
_PDF, _PDF_END = b"%PDF-", re.compile(rb"%%EOF|startxref\s+\d+\s")
_PDF_LENGTH = re.compile(rb"/Linearized\b[^>]{0,200}?/L\s+(\d+)")  # made for the web: an end mark stands early, too
_GZIP, _GZIP_AGAIN = b"\x1f\x8b\x08", b"\x1f\x8b"
_WITH_HEADER = 31  # zlib's word for "gzip, 32 KiB window"


class _Other(Exception):
    """It begins like the format, and is built otherwise."""


class _Content(NamedTuple):
    """again: see breaks_off()."""

    head: bytes
    tail: bytes
    size: int
    again: Callable[[], BinaryIO]


def breaks_off(ends: Ends, size: int, again: Callable[[], BinaryIO]) -> str:
    """Completes the sentence "FILE …" for a content that is empty or broken off; "" for all others.

    again: gives the content once more, from its beginning and able to seek; rarely called.
    """
    if not size:
        return "is empty"
    for mark, name, whole in _FORMATS:
        if ends.head.startswith(mark):
            try:
                return "" if whole(_Content(*ends, size, again)) else f"ends in the middle: {size:,} bytes of {name}"
            except _Other:
                return ""
    return ""


def _whole_jpeg(content: _Content) -> bool:
    """The end mark is looked for behind the header only: that may hold a small picture with an end mark of its own."""
    scan = _jpeg_scan(io.BytesIO(content.head))
    end = content.tail.rfind(_JPEG_END)
    if scan is not None and end >= 0 and content.size - len(content.tail) + end >= scan:
        return True
    stream = content.again()
    scan = _jpeg_scan(stream)
    if scan is None:
        return False
    stream.seek(scan)
    last = b""
    while piece := stream.read(_PIECE):
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
    if _PNG_END in content.tail:
        return True
    stream = content.again()
    at = len(_PNG)
    while at + 12 <= content.size:  # length, type, content, checksum
        stream.seek(at)
        found = stream.read(8)
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
    at = content.tail.rfind(_ZIP_END)
    while at >= 0:
        record, rest = content.tail[at : at + _ZIP_END_SIZE], content.tail[at + _ZIP_END_SIZE :]
        if len(record) == _ZIP_END_SIZE and len(rest) >= int.from_bytes(record[-2:], "little"):
            return True
        at = content.tail.rfind(_ZIP_END, 0, at)
    return False


def _whole_pdf(content: _Content) -> bool:
    linearized = _PDF_LENGTH.search(content.head, 0, 1024)
    if linearized and int(linearized[1]) > content.size:
        return False
    return _PDF_END.search(content.tail) is not None


def _whole_gzip(content: _Content) -> bool:
    """Unpack it, member by member; what follows the last one is padding. Nothing unpacked is kept."""
    if content.size > MOST_UNPACKED_FROM:
        raise _Other
    stream = content.again()
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
            data = member.unused_data + (stream.read(_PIECE) if len(member.unused_data) < 2 else b"")
            if not data.startswith(_GZIP_AGAIN):
                return True
            member = zlib.decompressobj(_WITH_HEADER)
        data = data or stream.read(_PIECE)
    return member.eof


_FORMATS: tuple[tuple[bytes, str, Callable[[_Content], bool]], ...] = (
    (_JPEG, "a JPEG without its end mark", _whole_jpeg),
    (_PNG, "a PNG without its end mark", _whole_png),
    (_ZIP, "a ZIP or XLSX file without its end mark", _whole_zip),
    (_PDF, "a PDF without its end mark", _whole_pdf),
    (_GZIP, "a gzip file without its end", _whole_gzip),
)
