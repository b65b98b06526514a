"""Whether a content breaks off: real encoders' files, cut everywhere, padded, and files that only look like one."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse_sync import endings
from synapse_sync.checksum import ENDS, digest
from synapse_sync.endings import breaks_off

KIB, MIB = 1 << 10, 1 << 20


def judged(content: bytes) -> str:
    """What is said of a content, as the reader of a file asks it."""
    stream = io.BytesIO(content)
    digests, ends = digest(stream)
    return breaks_off(ends, digests.size, stream)


def noise(size: int) -> bytes:
    """Bytes that compress badly, always the same ones, and none of them the beginning of a JPEG's marker."""
    state, made = 12345, bytearray()
    while len(made) < size:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        made += state.to_bytes(4)[:3].replace(b"\xff", b"\xfe")
    return bytes(made[:size])


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(*, thumbnail: bool = True, header: int = 0, scans: int = 1, picture: int = 3000, fill: bytes = b"") -> bytes:
    """Built as ITU-T T.81 B.2 has it; thumbnail: a whole small JPEG in APP1, as cameras write it."""
    small = jpeg(thumbnail=False, picture=500) if thumbnail else b""
    parts = [b"\xff\xd8", segment(0xE1, b"Exif\0\0" + small)]
    parts += [segment(0xE2, b"ICC_PROFILE\0" + noise(60_000)) for _ in range(header)]
    parts += [fill, segment(0xDB, bytes(65)), segment(0xC2, bytes(15)), segment(0xC4, bytes(28))]
    for _ in range(scans):
        data = noise(picture)
        parts += [segment(0xC4, bytes(28)), segment(0xDA, bytes(10)), data, b"\xff\xd0", data, b"\xff\x00", data]
    return b"".join([*parts, b"\xff\xd9"])


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(side: int = 40) -> bytes:
    rows = b"".join(b"\0" + noise(side * 3 * (row + 1))[-side * 3 :] for row in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


def packed(*, comment: bytes = b"", stored: bool = False, members: int = 3) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"{number}.txt", noise(700))
        archive.comment = comment
    return made.getvalue()


class Stream(io.RawIOBase):
    """What a ZIP is written to when it can't be sought: sizes stand behind each member then."""

    def __init__(self) -> None:
        self.made = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        self.made += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def streamed() -> bytes:
    out = Stream()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", noise(700))
    return out.made


def workbook() -> bytes:
    from openpyxl import Workbook

    made = io.BytesIO()
    Workbook().save(made)
    return made.getvalue()


def pdf(*, ending: bytes = b"%%EOF\n") -> bytes:
    body = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\nxref\n0 2\n" + noise(500) + b"\ntrailer\n<< /Size 2 >>\n"
    return body + b"startxref\n53\n" + ending


def linearized(size: int = 3000) -> bytes:
    """Its first part has a cross-reference table and an end mark of its own (ISO 32000-1, annex F)."""
    head = b"%%PDF-1.4\n1 0 obj\n<< /Linearized 1 /L %d /H [ 500 20 ] /O 3 /E 900 /N 1 /T 2500 >>\nendobj\n" % size
    begin = head + b"xref\n0 1\ntrailer\n<< /Size 9 >>\nstartxref\n0\n%%EOF\n"
    end = b"\nstartxref\n120\n%%EOF\n"
    return begin + noise(size - len(begin) - len(end)) + end


WHOLE: dict[str, bytes] = {
    "JPEG": jpeg(thumbnail=False),
    "JPEG with a thumbnail": jpeg(),
    "JPEG of several scans": jpeg(scans=4),
    "JPEG with fill bytes": jpeg(fill=b"\xff\xff\xff"),
    "JPEG whose header is longer than a first piece": jpeg(header=3),
    "JPEG larger than what is kept of its end": jpeg(picture=200 * KIB),
    "PNG": png(),
    "PNG larger than what is kept of its end": png(200),
    "ZIP": packed(),
    "ZIP, stored": packed(stored=True),
    "ZIP, empty but for one": packed(members=1),
    "ZIP with the longest comment": packed(comment=noise(65535)),
    "ZIP that was streamed": streamed(),
    "workbook": workbook(),
    "PDF": pdf(),
    "PDF without a line end": pdf(ending=b"%%EOF"),
    "PDF that lacks %%EOF": pdf(ending=b""),
    "PDF made for the web": linearized(),
    "gzip": gzip.compress(noise(5000)),
    "gzip of nothing": gzip.compress(b""),
    "gzip of very much": gzip.compress(bytes(20 * MIB)),
    "gzip of several members": gzip.compress(noise(3000)) + gzip.compress(noise(100)),
    "gzip larger than a piece": gzip.compress(noise(3 * MIB), 1),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_a_whole_file_is_whole(content: bytes) -> None:
    assert judged(content) == ""


PADDED = {name: content for name, content in WHOLE.items() if "longest comment" not in name}
"""Behind that one there is no room: nobody else finds the end of such a ZIP either."""


@pytest.mark.parametrize("padding", [b"\0" * 4096, b"\n\r \n", b"\xff" * 100, noise(60 * KIB), b"SEFT" + noise(900)])
@pytest.mark.parametrize("content", PADDED.values(), ids=PADDED.keys())
def test_what_follows_the_end_is_nobodys_business(content: bytes, padding: bytes) -> None:
    assert judged(content + padding) == ""


@settings(max_examples=300)
@given(st.sampled_from(sorted(PADDED)), st.binary(max_size=200).filter(lambda padding: padding[:3] != b"\x1f\x8b\x08"))
def test_no_padding_makes_a_whole_file_suspicious(name: str, padding: bytes) -> None:
    assert judged(PADDED[name] + padding) == ""


def test_a_motion_photo_or_a_second_picture_behind_a_jpeg_may_be_of_any_size() -> None:
    assert judged(jpeg() + noise(500 * KIB)) == ""
    assert judged(jpeg(header=3) + noise(500 * KIB)) == ""
    assert judged(jpeg() + jpeg()) == ""


def test_a_large_trailer_behind_a_png_is_found_to_be_one() -> None:
    assert judged(png() + noise(500 * KIB)) == ""


CUTS: dict[str, tuple[bytes, int]] = {  # how many bytes at the end don't count
    "JPEG": (WHOLE["JPEG"], 0),
    "JPEG with a thumbnail": (WHOLE["JPEG with a thumbnail"], 0),
    "JPEG of several scans": (WHOLE["JPEG of several scans"], 0),
    "PNG": (WHOLE["PNG"], 0),
    "ZIP": (WHOLE["ZIP"], 0),
    "ZIP, stored": (WHOLE["ZIP, stored"], 0),
    "ZIP that was streamed": (WHOLE["ZIP that was streamed"], 0),
    "workbook": (WHOLE["workbook"], 0),
    "PDF": (WHOLE["PDF"], len(b"%%EOF\n")),
    "PDF made for the web": (WHOLE["PDF made for the web"], 0),
    "gzip": (WHOLE["gzip"], 0),
}
MARK = 8  # bytes: fewer don't say yet what they are


@pytest.mark.parametrize("name", CUTS)
def test_a_file_that_was_cut_anywhere_is_not_whole(name: str) -> None:
    content, loose = CUTS[name]
    step = max(len(content) // 400, 1)
    ends = {*range(MARK, len(content) - loose, step), *range(len(content) - 80, len(content) - loose)}

    whole = [end for end in sorted(ends) if not judged(content[:end])]

    assert whole == []


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("JPEG whose header is longer than a first piece", 150 * KIB),
        ("JPEG whose header is longer than a first piece", 190_000),
        ("JPEG larger than what is kept of its end", 400 * KIB),
        ("PNG larger than what is kept of its end", 100 * KIB),
        ("gzip of several members", -10),
        ("gzip of very much", -1),
        ("gzip larger than a piece", 2 * MIB),
        ("ZIP with the longest comment", -1),
    ],
)
def test_a_large_file_that_was_cut_is_not_whole(name: str, end: int) -> None:
    assert judged(WHOLE[name][:end]).startswith("ends in the middle: ")


@pytest.mark.parametrize("name", [name for name in WHOLE if "gzip" not in name])
def test_a_file_that_got_its_full_size_before_its_content_is_not_whole(name: str) -> None:
    """As some programs copy: the size first."""
    content = WHOLE[name]
    assert judged(content[: len(content) // 2] + bytes(len(content) - len(content) // 2 + ENDS)) != ""


def test_the_words_say_what_it_is_and_how_much_there_is() -> None:
    assert judged(b"") == "is empty"
    assert judged(jpeg()[:2048]) == "ends in the middle: 2,048 bytes of a JPEG without its end mark"
    assert judged(workbook()[:1000]) == "ends in the middle: 1,000 bytes of a ZIP or XLSX file without its end mark"


NOT_JUDGED: dict[str, bytes] = {
    "a text": b"hello",
    "one byte": b"\xff",
    "a DICOM": bytes(128) + b"DICM" + bytes(1000),
    "a TIFF": b"II*\0" + noise(100),
    "what only begins like a JPEG": b"\xff\xd8\xff\x21" + noise(1000),
    "a text that begins like a PNG": b"\x89PNG\r\n\x1a\nsmall",
    "a text that begins like a JPEG": b"\xff\xd8\xff\xe0 a picture",
    "a text that begins like a ZIP": b"PK\x03\x04 an archive",
    "a text that begins like a PDF": b"%PDF-1.7 a document of one page",
    "what only begins like a PNG": b"\x89PNG\r\n\x1a\n\0\0\0\1" + bytes(1000),
    "what only begins like a gzip": b"\x1f\x8b\x08" + b"\xff" * 1000,
    "a JPEG with a broken header": jpeg()[:2] + b"\xff\xe1\0\0" + noise(500),
    "the last part of a ZIP": packed()[100:],
}


@pytest.mark.parametrize("content", NOT_JUDGED.values(), ids=NOT_JUDGED.keys())
def test_what_is_none_of_these_formats_is_never_judged(content: bytes) -> None:
    assert judged(content) == ""


@given(st.binary(min_size=1, max_size=300))
def test_any_other_bytes_are_never_judged(content: bytes) -> None:
    marks = (b"\xff\xd8\xff", b"\x89PNG", b"PK\x03\x04", b"%PDF-", b"\x1f\x8b\x08")
    assert content.startswith(marks) or judged(content) == ""


@settings(max_examples=200)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"%PDF-1", b"\x1f\x8b\x08"]),
    st.binary(max_size=500),
)
def test_whatever_follows_a_beginning_it_is_judged_without_an_error(beginning: bytes, rest: bytes) -> None:
    assert judged(beginning + rest) == "" or judged(beginning + rest).startswith("ends in the middle")


def unpacked(monkeypatch: pytest.MonkeyPatch, **limits: int) -> Callable[[bytes], str]:
    for name, value in limits.items():
        monkeypatch.setattr(endings, name, value)
    return judged


def test_a_gzip_that_takes_too_long_to_unpack_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = WHOLE["gzip of very much"][:-1]
    assert judged(cut) != ""
    assert unpacked(monkeypatch, MOST_UNPACKED_TO=10 * MIB)(cut) == ""
    assert unpacked(monkeypatch, MOST_UNPACKED_FROM=1000)(cut) == ""


def test_most_files_are_judged_without_a_second_look() -> None:
    for name in ("JPEG with a thumbnail", "PNG", "ZIP", "workbook", "PDF", "JPEG larger than what is kept of its end"):
        digests, ends = digest(io.BytesIO(WHOLE[name]))
        nothing_more = io.BytesIO()
        nothing_more.close()

        assert breaks_off(ends, digests.size, nothing_more) == ""
