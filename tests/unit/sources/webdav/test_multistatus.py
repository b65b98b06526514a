"""What a WebDAV server tells of a folder, whole, cut, odd and hostile."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.sources.webdav.multistatus import LONGEST, Member, Multistatus, NoMultistatus

NGINX = b"""<?xml version="1.0" encoding="utf-8" ?>
<D:multistatus xmlns:D="DAV:">
<D:response><D:href>/dav/r/</D:href><D:propstat><D:prop>
<D:getlastmodified>Wed, 25 Nov 2026 16:52:57 GMT</D:getlastmodified><D:resourcetype><D:collection/></D:resourcetype>
</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
<D:response><D:href>/dav/r/a%20b&amp;+</D:href><D:propstat><D:prop><D:getcontentlength>3</D:getcontentlength>
<D:getlastmodified>Wed, 25 Nov 2026 16:52:57 GMT</D:getlastmodified><D:resourcetype></D:resourcetype>
</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>
"""
NEXTCLOUD = b"""<?xml version="1.0"?>
<d:multistatus xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns" xmlns:oc="http://owncloud.org/ns"><d:response>
<d:href>/remote.php/dav/files/kim/Scans/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype>
<d:getlastmodified>Wed, 25 Nov 2026 16:52:57 GMT</d:getlastmodified><d:getetag>&quot;6925e0b9&quot;</d:getetag></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop><d:getcontentlength/></d:prop>
<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response><d:response>
<d:href>/remote.php/dav/files/kim/Scans/x.png</d:href><d:propstat><d:prop><d:resourcetype/>
<d:getcontentlength>12</d:getcontentlength><d:getlastmodified>Wed, 25 Nov 2026 16:52:57 GMT</d:getlastmodified>
<d:getetag>&quot;6925e0c1&quot;</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>
<d:response><d:href>/remote.php/dav/files/kim/Scans/gone</d:href><d:status>HTTP/1.1 404 Not Found</d:status>
</d:response></d:multistatus>
"""
WHEN = "Wed, 25 Nov 2026 16:52:57 GMT"


def parsed(document: bytes, piece: int = 1 << 20) -> list[Member]:
    parser = Multistatus()
    found = [
        member for start in range(0, len(document), piece) for member in parser.takes(document[start : start + piece])
    ]
    return found + parser.ends()


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_what_servers_tell_is_understood_in_whatever_pieces(piece: int) -> None:
    assert parsed(NGINX, piece) == [
        Member(b"/dav/r", 200, True, "", WHEN, ""),
        Member(b"/dav/r/a b&+", 200, False, "3", WHEN, ""),
    ]
    files = b"/remote.php/dav/files/kim/Scans"
    assert parsed(NEXTCLOUD, piece) == [
        Member(files, 200, True, "", WHEN, '"6925e0b9"'),
        Member(files + b"/x.png", 200, False, "12", WHEN, '"6925e0c1"'),
        Member(files + b"/gone", 404, None, "", "", ""),
    ]


@given(st.integers(0, len(NEXTCLOUD) - len(b"</d:multistatus>")))
def test_a_document_that_is_cut_is_none(end: int) -> None:
    with pytest.raises(NoMultistatus):
        parsed(NEXTCLOUD[:end])


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"no XML", b"<html></html>", b"<multistatus/>", b'<response xmlns="DAV:"/>', b"[]", NGINX + NGINX),
        b'<!DOCTYPE m [<!ENTITY a "b">]>' + NGINX.partition(b"?>")[2],
        b'<!DOCTYPE m SYSTEM "file:///etc/passwd">' + NGINX.partition(b"?>")[2],
        NGINX.replace(b"HTTP/1.1 200 OK", b"fine"),
        NGINX.replace(b"/dav/r/a", b"/dav/r/" + b"a" * (LONGEST + 1)),
        NGINX.replace(b"</D:href>", b"&nothing;</D:href>"),
        b'<multistatus xmlns="DAV:">' + b"<a>" * 1000,
        NGINX.replace(b'"utf-8"', b'"nobodys"'),
    ],
)
def test_what_is_none_is_refused(document: bytes) -> None:
    with pytest.raises(NoMultistatus):
        parsed(document)


@given(st.binary())
def test_whatever_comes_is_refused_or_understood(document: bytes) -> None:
    with suppress(NoMultistatus):
        parsed(document)


@given(st.integers(0, len(NEXTCLOUD)), st.binary(max_size=20), st.integers(0, 20))
def test_whatever_has_become_of_a_document_no_file_gets_anothers_properties(at: int, by: bytes, instead: int) -> None:
    with suppress(NoMultistatus):
        for member in parsed(NEXTCLOUD[:at] + by + NEXTCLOUD[at + instead :]):
            assert member.etag != '"6925e0c1"' or member.folder is not True
