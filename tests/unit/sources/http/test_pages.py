"""Lists of folders as web servers give them, and what must not be taken for one."""

from __future__ import annotations

import json
from contextlib import suppress
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry
from synapse_sync.sources.http.known import PASSED, TURNS, Known, may_be_kept
from synapse_sync.sources.http.pages import IndexPage, Link, NoIndex
from synapse_sync.sources.http.rows import Rows

NGINX = """<html>
<head><title>Index of /files/r/</title></head>
<body>
<h1>Index of /files/r/</h1><hr><pre><a href="../">../</a>
<a href="sub/">sub/</a>                                               25-Nov-2026 16:52                   -
<a href="a%20b%2520%26%23%3F.png">a b%20&amp;#?.png</a>              25-Nov-2026 16:52                   3
</pre><hr></body>
</html>
"""
APACHE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /files/r</title></head><body><h1>Index of /files/r</h1>
<table><tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th>
<th><a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
<tr><td><a href="/files/"><img src="/icons/back.gif" alt="[PARENTDIR]"></a></td>
<td><a href="/files/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="a.png"><img src="/icons/image2.gif" alt="[IMG]"></a></td><td><a href="a.png">a.png</a></td>
<td align="right">2026-11-25 16:52  </td><td align="right">1.2M</td></tr>
<tr><td><img src="/icons/folder.gif" alt="[DIR]"></td><td><a href="sub/">sub/</a></td><td>2026-11-25 16:52</td></tr>
</table><address>Apache/2.4.57 (Debian) Server at nas Port 80</address></body></html>
"""
PYTHON = """<!DOCTYPE HTML>
<html lang="en"><head><meta charset="utf-8"><title>Directory listing for /files/r/</title></head>
<body><h1>Directory listing for /files/r/</h1><hr><ul><li><a href="a.png">a.png</a></li><li><a href="sub/">sub/</a></li>
</ul><hr></body></html>
"""
LIGHTTPD = """<!DOCTYPE html><html><head><title>Index of /files/r/</title>
<style type="text/css">a { color: blue; }</style></head>
<body><h2>Index of /files/r/</h2><div class="list"><table summary="Directory Listing"><tbody>
<tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td></tr>
<tr class="d"><td class="n"><a href="sub/">sub</a>/</td><td class="m">2026-Nov-25 16:52:57</td><td class="s">-</td></tr>
<tr><td class="n"><a href="a.png">a.png</a></td><td class="m">2026-Nov-25 16:52:57</td><td class="s">1.2K</td></tr>
</tbody></table></div><div class="foot">lighttpd/1.4.69</div></body></html>
"""
FOLDER = b"/files/r/"


def links(page: str | bytes, piece: int = 1 << 20, folder: bytes = FOLDER, *, whole_path: bool = True) -> list[Link]:
    parser = IndexPage(folder, "nas:8080", whole_path=whole_path)
    text = page if isinstance(page, bytes) else page.encode()
    found = [link for start in range(0, len(text), piece) for link in parser.takes(text[start : start + piece])]
    return found + parser.ends()


def page_of(*hrefs: str) -> str:
    return NGINX.replace("</pre>", "".join(f'<a href="{escape(href)}">x</a> 1\n' for href in hrefs) + "</pre>")


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_what_servers_list_is_understood_in_whatever_pieces(piece: int) -> None:
    assert links(NGINX, piece) == [
        Link(b"sub", True, "25-Nov-2026 16:52 -"),
        Link(b"a b%20&#?.png", False, "25-Nov-2026 16:52 3"),
    ]
    assert links(APACHE, piece)[0] == Link(b"a.png", False, "2026-11-25 16:52 1.2M")
    for page in (APACHE, PYTHON, LIGHTTPD):
        assert {(link.name, link.folder) for link in links(page, piece)} == {(b"a.png", False), (b"sub", True)}


@pytest.mark.parametrize(
    "href",
    [
        *(
            "?C=N",
            "#top",
            "x?y",
            "javascript:alert(1)",
            "mailto:a@b",
            "http://elsewhere/files/r/x",
            "//elsewhere/files/r/x",
        ),
        *(
            "..",
            "../x",
            "/",
            "/files/",
            "/files/rx",
            "/elsewhere/x",
            "./",
            "",
            "http://nas/files/r/x",
            "http://[/files/r/x",
        ),
    ],
)
def test_no_link_leads_out_of_the_folder(href: str) -> None:
    assert len(links(page_of(href))) == 2


@pytest.mark.parametrize(
    "href", ["x", "./x", "/files/r/x", "http://nas:8080/files/r/x", "https://NAS:8080/files/r/%78", "x/"]
)
def test_a_link_may_be_written_in_full(href: str) -> None:
    assert links(page_of(href))[2].name == b"x"


@given(st.text(min_size=1), st.booleans())
def test_a_link_leads_to_a_name_in_the_folder_or_to_one_that_none_can_have(href: str, quoted: bool) -> None:
    for link in links(page_of(quote(href, safe="") if quoted else href))[2:]:
        assert link.name
        assert not link.name.startswith((b"/", b"../"))
        assert link.name not in (b".", b"..")


@pytest.mark.parametrize(
    "page",
    [
        *("", "<html></html>", "<html><title>Sign in</title><a href='a'>a</a></html>", "[]", "Index of /files/r/"),
        *(NGINX.replace("</html>", ""), NGINX[:-40], NGINX.replace("<title>", "<p>").replace("</title>", "</p>")),
        *(NGINX.replace("Index of /files/r/", "Index of /files/other/"), NGINX.replace("Index of", "Photos of")),
        *(NGINX.replace("<pre>", '<base href="http://elsewhere/"><pre>'), "<html><a href='x'>x</a>" + NGINX),
        *("<html><head><title>404 Not Found</title></head></html>", NGINX.replace("<h1>", "<![odd[")),
        NGINX + "<!--<![if-- odd[",
    ],
)
def test_what_is_no_list_of_the_folder_is_refused(page: str) -> None:
    with pytest.raises(NoIndex):
        links(page)


def test_the_topmost_folder_may_have_another_name_behind_a_proxy() -> None:
    assert links(NGINX.replace("Index of /files/r/", "Index of /"), whole_path=False)
    assert links(NGINX.replace("/files/r/", "/inside/r/"))


@given(st.integers(0, len(NGINX) - len("</html>\n")))
def test_a_page_that_is_cut_is_none(end: int) -> None:
    with pytest.raises(NoIndex):
        links(NGINX[:end])


@given(st.integers(0, len(APACHE)), st.binary(max_size=20))
def test_whatever_comes_is_refused_or_understood(at: int, by: bytes) -> None:
    text = APACHE.encode()
    with suppress(NoIndex):
        links(text[:at] + by + text[at:])
    with suppress(NoIndex):
        links(by)


def test_a_tag_without_an_end_is_given_up() -> None:
    with pytest.raises(NoIndex):
        links(NGINX.replace("</pre>", "<a " + "x" * 1_000_000), 1 << 16)


NGINX_ROWS = """[
{ "name":"sub", "type":"directory", "mtime":"Wed, 25 Nov 2026 16:52:57 GMT" },
{ "name":"a \\"b\\".png", "type":"file", "mtime":"Wed, 25 Nov 2026 16:52:57 GMT", "size":3 },
{ "name":"pipe", "type":"other", "mtime":"Wed, 25 Nov 2026 16:52:57 GMT" }
]
"""
CADDY_ROWS = json.dumps(
    [
        {"name": "sub/", "size": 4096, "url": "./sub/", "mod_time": "2026-11-25T16:52:57.5Z", "is_dir": True},
        {"name": "a", "size": 3, "url": "./a", "mod_time": "2026-11-25T16:52:57.123456789+09:00", "is_dir": False},
    ]
)
MOMENT = 1795625577 * 10**9


def rows(text: str | bytes, piece: int = 1 << 20, server: str = "") -> list[Entry]:
    parser = Rows(server)
    data = text if isinstance(text, bytes) else text.encode()
    found = [row for start in range(0, len(data), piece) for row in parser.takes(data[start : start + piece])]
    return found + parser.ends()


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_rows_of_servers_are_understood_in_whatever_pieces(piece: int) -> None:
    assert rows(NGINX_ROWS, piece) == [
        Entry(b"sub", "folder"),
        Entry(b'a "b".png', "file", Observation(3, MOMENT, 0, "")),
        Entry(b"pipe", "special"),
    ]
    nine_hours = 9 * 3600 * 10**9
    assert rows(CADDY_ROWS, piece) == [
        Entry(b"sub", "folder"),
        Entry(b"a", "file", Observation(3, MOMENT - nine_hours + 123456789, 0, "")),
    ]


def test_an_empty_list_is_one_only_of_a_server_that_is_known() -> None:
    assert rows("[\n\n]\n", server="nginx/1.22.1") == rows("[]", server="Caddy") == rows("null", server="Caddy") == []
    for text, server in (("[]", ""), ("[]", "gunicorn"), ("null", "")):
        with pytest.raises(NoIndex):
            rows(text, server=server)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{}",
            '{"error": "no"}',
            "[1]",
            '["a"]',
            '[{"name": "a"}]',
            '[{"name": 1, "type": "file"}]',
            "[[]]",
            "nullnull",
            '[{"name": ' + "[" * 60_000,
        ),
        *(
            NGINX_ROWS.replace("]", ""),
            NGINX_ROWS + "[]",
            NGINX_ROWS.replace("},", "}"),
            NGINX_ROWS.replace('"file"', '"f"'),
        ),
        *("[{" + "x" * 200_000, "<html></html>", CADDY_ROWS.replace("2026-11-25T", "yesterday")),
    ],
)
def test_rows_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(NoIndex):
        rows(text, server="nginx")


@given(st.binary(max_size=60), st.integers(0, len(NGINX_ROWS)))
def test_whatever_rows_come_they_are_refused_or_understood(by: bytes, at: int) -> None:
    with suppress(NoIndex):
        rows(NGINX_ROWS.encode()[:at] + by + NGINX_ROWS.encode()[at:], server="nginx")


def test_a_size_or_time_that_can_not_be_is_not_said() -> None:
    for size in ("-1", "3.5", "true", str(1 << 70)):
        assert [row.kind for row in rows(NGINX_ROWS.replace(":3 }", f":{size} }}"))][1] == "unsaid"


def test_a_file_is_known_once_it_was_asked_for_twice_and_its_minute_was_over() -> None:
    observed = Observation(3, MOMENT, 0, "")
    date = {"date": "Wed, 25 Nov 2026 16:54:57 GMT"}
    assert PASSED == 120 * 10**9
    assert may_be_kept("25-Nov-2026 16:52 3", observed, date)
    assert not may_be_kept("25-Nov-2026 16:52 3", observed, {"date": "Wed, 25 Nov 2026 16:54:56 GMT"})
    assert not may_be_kept("25-Nov-2026 16:52 3", observed, {})
    assert not may_be_kept("", observed, date)
    assert not may_be_kept("25-Nov-2026 16:52 3", Observation(3, 0, 0, '"a"'), date)


def test_what_is_known_is_asked_again_now_and_then_and_when_its_line_changes() -> None:
    known, observed, line = Known(), Observation(3, MOMENT, 0, ""), "25-Nov-2026 16:52 3"
    answers = []
    for _ in range(2 + TURNS):
        known.begins()
        answers.append(known.get(b"/a", line))
        if answers[-1] is None:
            known.put(b"/a", line, observed)
        known.ends()
    assert answers[:2] == [None, None]
    assert answers[2:].count(None) == 1
    known.begins()
    assert known.get(b"/a", "another") is None
    known.forget(b"/a")
    assert known.get(b"/a", line) is None
