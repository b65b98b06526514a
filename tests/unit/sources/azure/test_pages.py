"""Pages: an answer that is none, or a listing that repeats itself, never looks like an empty or a shorter container."""

from __future__ import annotations

import io
from collections.abc import Mapping
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.sources.azure import pages as azure_pages
from synapse_sync.sources.azure.listing import pages
from synapse_sync.sources.azure.pages import NoPage, Page, page_of
from synapse_sync.sources.versions import md5_of

PROPERTIES = {
    "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT",
    "Etag": "0x8DE77",
    "Content-Length": "3",
    "Content-MD5": "kAFQmDzST7DWlj99KOF/cg==",
    "BlobType": "BlockBlob",
}


def blob(name: str, more: str = "", **properties: str | None) -> str:
    told = PROPERTIES | {key.replace("_", "-"): value for key, value in properties.items()}
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in told.items() if value is not None)
    return f"<Blob><Name>{escape(name)}</Name><Properties>{inner}</Properties>{more}</Blob>"


def answer(*blobs: str, after: str = "<NextMarker/>") -> bytes:
    head = '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="scans"><Prefix>in/</Prefix>'
    return f"{head}<Blobs>{''.join(blobs)}</Blobs>{after}</EnumerationResults>".encode()


def page(*blobs: str, after: str = "<NextMarker/>") -> Page:
    return page_of(io.BytesIO(answer(*blobs, after=after)))


WHOLE = answer(blob("in/a"))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b"<html/>",
        b"<Error><Code>InternalError</Code></Error>",
        b"<EnumerationResults/>",
        answer(blob("in/a"), after=""),
        answer(blob("")),
        answer("<Blob/>"),
        answer("<Blob><Name>in/a</Name></Blob>"),
        *(answer(blob("in/a", **{key: None})) for key in ("Last_Modified", "Etag", "Content_Length")),
        answer(blob("in/a", Content_Length="many")),
        answer(blob("in/a", Last_Modified="then")),
        answer(blob("in/a", Last_Modified="Sun, 01 Mar 99999999999999999999 12:00:00 GMT")),
        b'<?xml version="1.0" encoding="euc-kr"?><html/>',
        b'<?xml version="1.0" encoding="none"?><html/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + WHOLE.replace(b"in/a", b"&a;").partition(b"?>")[2],
    ],
)
def test_what_is_no_page_raises(said: bytes) -> None:
    with pytest.raises(NoPage):
        page_of(io.BytesIO(said))


def test_a_page_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_pages, "LONGEST", 1 << 20)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, amount: int = -1, /) -> bytes:
            head, self.given = (WHOLE.partition(b"</Blobs>")[0] if not self.given else b""), self.given + amount
            return head + blob("in/a").encode() * (amount // 100)

    endless = Endless()
    with pytest.raises(NoPage):
        page_of(endless)
    assert endless.given < 4 << 20


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_page_that_breaks_off_anywhere_is_none(end: int) -> None:
    with pytest.raises(NoPage):
        page_of(io.BytesIO(WHOLE[:end]))


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1)))
def test_names_come_as_they_are(names: list[str]) -> None:
    assert [name.decode() for name, _ in page(*map(blob, names)).found] == names


def test_a_page_is_what_the_service_says_of_each_blob() -> None:
    found = page(blob("in/a"), blob("in/b", Content_MD5=None, Etag='"0x8DE78"'), after="<NextMarker>2!x</NextMarker>")
    assert found == Page(
        [
            (b"in/a", Observation(3, 1_772_366_400_000_000_000, 0, "0x8DE77/900150983cd24fb0d6963f7d28e17f72")),
            (b"in/b", Observation(3, 1_772_366_400_000_000_000, 0, "0x8DE78")),
        ],
        "2!x",
    )


def test_a_name_that_xml_has_no_characters_for_comes_quoted() -> None:
    quoted = blob("in/a%EF%BF%BE%20b").replace("<Name>", '<Name Encoded="true">')
    assert [name for name, _ in page(quoted, blob("in/a%20b")).found] == ["in/a\ufffe b".encode(), b"in/a%20b"]


def test_folders_snapshots_and_what_was_deleted_are_no_files() -> None:
    marked = "<Metadata><{0}>{1}</{0}></Metadata>".format
    found = page(
        blob("hierarchical", Content_Length="0", ResourceType="directory"),
        blob("hadoop", marked("hdi_isfolder", "true"), Content_Length="0"),
        blob("hadoop-too", marked("Hdi_IsFolder", "True"), Content_Length="0"),
        blob("snapshot", "<Snapshot>2026-03-01T12:00:00.0000000Z</Snapshot>"),
        blob("deleted", "<Deleted>true</Deleted>"),
        blob("older", "<IsCurrentVersion>false</IsCurrentVersion>"),
        blob("current", "<Deleted>false</Deleted><IsCurrentVersion>true</IsCurrentVersion>"),
        blob("empty", marked("kind", "x"), Content_Length="0", ResourceType="file"),
        blob("with-content", marked("hdi_isfolder", "true")),
        "<BlobPrefix><Name>d/</Name></BlobPrefix>",
    )
    assert [name for name, _ in found.found] == [b"current", b"empty", b"with-content"]


def test_what_users_call_their_metadata_is_not_taken_for_anything_else() -> None:
    said = "<Metadata><Blob>x</Blob><Name>y</Name><NextMarker>z</NextMarker></Metadata>"
    assert page(blob("in/a", said)) == page(blob("in/a"))


def test_only_a_block_blob_vouches_for_its_content() -> None:
    found = page(*(blob(kind, BlobType=kind) for kind in ("BlockBlob", "AppendBlob", "PageBlob"))).found
    assert [name for name, observed in found if md5_of(observed)] == [b"BlockBlob"]


def asked(*markers: str, recursive: bool = True) -> list[Mapping[str, str | int]]:
    """The questions that were asked, of a service that names these next pages."""
    left, questions = list(markers), []

    def ask(question: Mapping[str, str | int]) -> Page:
        questions.append(dict(question))
        return Page([], left.pop(0))

    for _ in pages(ask, "in/", recursive=recursive):
        pass
    return questions


def test_each_page_is_asked_for_with_the_marker_of_the_one_before() -> None:
    assert [question.get("marker") for question in asked("1", "2", "")] == [None, "1", "2"]
    assert asked("", recursive=False) == [
        {"prefix": "in/", "maxresults": 5000, "include": "metadata", "delimiter": "/"}
    ]


def test_a_listing_that_names_the_same_page_again_is_none() -> None:
    with pytest.raises(SourceUnavailable, match="repeats itself"):
        asked("1", "1", "")


def test_an_answer_that_is_no_page_is_told_with_what_to_do() -> None:
    def ask(_question: Mapping[str, str | int]) -> Page:
        raise NoPage

    with pytest.raises(SourceUnavailable, match="no Azure Blob Storage") as told:
        list(pages(ask, "", recursive=True))
    assert "endpoint_url" in (told.value.hint or "")
