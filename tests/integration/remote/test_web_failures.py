"""What fails between us and a web server, with WebDAV and without: nothing is empty that failed, a read goes on."""

from __future__ import annotations

import gc
import shutil
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from synapse_sync.checksum import digest
from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.grants import Secrets
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.shown import joined
from synapse_sync.sources import http_asking, remote_reading, remote_walk
from synapse_sync.sources.web.source import WebSource
from synapse_sync.sources.webdav.multistatus import ASKED

from ..conftest import Installation
from .feeds import configured, fill
from .ftpd import certificate
from .interference import Answer, Asked, Cut, Proxy, Rule
from .starting import connections
from .talking import lists_in_flat_memory, read_many_at_once, reads_in_flat_memory, threads, words_of
from .test_conformance import listed
from .webbed import WebFolder
from .webd import PASSWORD, USER, VARIABLE, WsgiDav

CONTENT = bytes(range(256)) * 8192  # 2 MiB
LOGIN_PAGE = "<html><head><title>Sign in</title></head><body><a href='x.png'>x</a></body></html>"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts, and none but one."""
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(http_asking, "PAUSE", 0.0)
    monkeypatch.setattr(http_asking, "ATTEMPTS", 1)


def lists(asked: Asked) -> bool:
    """Whether a folder is asked for."""
    return asked.path.endswith("/") and asked.method in ("PROPFIND", "GET")


def reads(asked: Asked) -> bool:
    return asked.method == "GET" and not lists(asked)


def seventh(how: Cut | Answer, proxy: Proxy) -> Rule:
    """The seventh folder that is asked for."""
    return lambda asked: how if lists(asked) and sum(map(lists, proxy.asked)) == 7 else None


def observed_in(web: WebFolder, content: bytes = CONTENT) -> Observation:
    web.put("a", content)
    return listed(web.source())[b"a"]


@pytest.mark.parametrize(
    "how",
    [
        *(Cut(0), Cut(50), Cut(150), Answer(500, "no"), Answer(503, "no"), Answer(401, "no"), Answer(404, "no")),
        *(Answer(200, ""), Answer(200, LOGIN_PAGE), Answer(207, ""), Answer(207, LOGIN_PAGE), Answer(403, "no")),
        *(Answer(200, "[]", "Content-Type: application/json\r\n"), Answer(204, ""), Answer(206, "")),
    ],
)
def test_a_listing_whose_seventh_folder_fails_is_none_and_the_next_one_is_whole(
    web: WebFolder, web_proxy: Proxy, how: Cut | Answer
) -> None:
    for number in range(24):
        web.put(f"{number % 12}/{number}", b"1")
    source = web.source(port=web_proxy.port)
    web_proxy.rule = seventh(how, web_proxy)
    words_of(source)
    web_proxy.rule = lambda _asked: None
    web_proxy.asked.clear()
    before = source.list_requests
    assert len(listed(source)) == 24
    assert source.list_requests - before == len(web_proxy.asked)
    if not web.asks_for_each:
        assert len(web_proxy.asked) == 13 + (web.kind == "webdav")  # none for a file, and the root's own


def test_a_listing_that_hangs_is_given_up_and_the_next_one_is_whole(web: WebFolder, web_proxy: Proxy) -> None:
    web.put("a", b"1")
    source = web.source(port=web_proxy.port, access={"read_timeout": "1s"})
    over = threading.Event()
    web_proxy.rule = lambda _asked: over.wait(30) and None
    assert "stopped answering" in words_of(source)
    over.set()
    assert set(listed(source)) == {b"a"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_is_asked_again(
    web: WebFolder, web_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(http_asking, "ATTEMPTS", 4)
    monkeypatch.setattr(http_asking, "LONGEST_PAUSE", 0.1)
    web.put("a", b"1")
    busy = Answer(status, "", headers="Retry-After: 3600\r\n")
    web_proxy.rule = lambda asked: busy if asked.number < 4 else None
    assert set(listed(web.source(port=web_proxy.port))) == {b"a"}


def test_a_server_that_is_down_is_told_and_used_again_once_it_is_up(web: WebFolder, web_proxy: Proxy) -> None:
    observed = observed_in(web)
    source = web.source(port=web_proxy.port)
    assert listed(source)[b"a"] == observed
    web_proxy.down()
    assert "can't be reached" in words_of(source)
    web_proxy.up()
    asked = len(web_proxy.asked)
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert len(web_proxy.asked) == asked  # it rests until a listing succeeds, so that no file waits for it in vain
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream)[0].size == len(CONTENT)


@pytest.mark.parametrize("own_web", ["wsgidav", "nginxdav", "python", "html", "json"], indirect=True)
def test_a_server_that_is_stopped_while_it_is_listed_and_read_is_used_again_when_it_is_back(own_web: WebFolder) -> None:
    observed = observed_in(own_web)
    proxy = Proxy(own_web.port)
    proxy.up()
    try:
        source = own_web.source(port=proxy.port)
        proxy.rule = lambda asked: Cut(20, own_web.server.stop)
        words_of(source)
        own_web.server.start()
        proxy.rule = lambda asked: Cut(100_000, own_web.server.restart) if sum(map(reads, proxy.asked)) == 1 else None
        assert listed(source) == {b"a": observed}
        with source.open_observed(b"a", observed) as stream:
            assert stream.read(len(CONTENT)) == CONTENT
        assert [asked.headers.get("range", "") for asked in proxy.asked if reads(asked)][1].startswith("bytes=")
    finally:
        proxy.down()


def test_after_a_restart_of_the_server_the_next_listing_works(own_web: WebFolder) -> None:
    observed = observed_in(own_web)
    source = own_web.source()
    for _ in range(3):
        assert listed(source) == {b"a": observed}
        own_web.server.restart()


@pytest.mark.parametrize("after", [0, 1, 100_000, len(CONTENT) - 1])
def test_a_read_goes_on_where_the_connection_broke(web: WebFolder, web_proxy: Proxy, after: int) -> None:
    observed = observed_in(web)
    with web.source().open_observed(b"a", observed) as stream:
        expected = digest(stream)
    web_proxy.rule = lambda asked: Cut(after) if asked.number == 1 else None
    with web.source(port=web_proxy.port).open_observed(b"a", observed) as stream:
        assert digest(stream) == expected
    first, second, last = web_proxy.asked
    assert "range" not in first.headers
    assert ("range" in second.headers) == (after > 0)
    assert not reads(last)
    assert all({"if-match", "if-unmodified-since"} & set(asked.headers) for asked in (first, second))
    assert {asked.headers["accept-encoding"] for asked in (first, second)} == {"identity"}


def test_a_file_that_is_replaced_while_its_connection_is_lost_has_changed(web: WebFolder, web_proxy: Proxy) -> None:
    observed = observed_in(web)
    source = web.source(port=web_proxy.port)
    web_proxy.rule = lambda asked: Cut(100_000, lambda: web.put("a", CONTENT[::-1])) if asked.number == 1 else None
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        digest(stream)


@pytest.mark.parametrize("status", [412, 416])
def test_what_the_server_says_of_another_file_is_taken_for_a_change(
    web: WebFolder, web_proxy: Proxy, status: int
) -> None:
    observed = observed_in(web, b"1")
    web_proxy.rule = lambda asked: Answer(status, "") if reads(asked) else None
    source = web.source(port=web_proxy.port)
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        stream.read(1)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("answer", [Answer(403, ""), Answer(404, ""), Answer(302, "", "Location: /login?k=secret\r\n")])
def test_a_file_that_can_not_be_had_hinders_no_other(
    web: WebFolder, web_proxy: Proxy, answer: Answer, number: int
) -> None:
    observed = observed_in(web, b"1")
    source = web.source(port=web_proxy.port)
    web_proxy.rule = lambda asked: answer if asked.number == number else None
    error = FileChanged if (answer.status, number) == (404, 2) else FileUnreadable
    with pytest.raises(error) as told, source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert source.describe_path(b"a") in told.value.message
    assert "secret" not in str(told.value)
    with source.open_observed(b"a", observed) as stream:
        assert stream.read(2) == b"1"


def test_a_connection_that_breaks_again_and_again_is_given_up(web: WebFolder, web_proxy: Proxy) -> None:
    observed = observed_in(web)
    source = web.source(port=web_proxy.port)
    web_proxy.rule = lambda asked: Cut()
    with pytest.raises(SourceUnavailable, match="breaks again"), source.open_observed(b"a", observed) as stream:
        digest(stream)
    assert len(web_proxy.asked) == remote_reading.TRIES


def test_another_piece_than_was_asked_for_is_not_taken_for_it(web: WebFolder, web_proxy: Proxy) -> None:
    observed = observed_in(web, b"0123456789")
    source = web.source(port=web_proxy.port)

    def read_on() -> None:
        with source.open_observed(b"a", observed) as stream:
            stream.seek(2)
            stream.read(2)

    web_proxy.rule = lambda asked: Answer(206, "45", "Content-Range: bytes 4-5/10\r\n") if reads(asked) else None
    with pytest.raises(SourceUnavailable, match="another piece"):
        read_on()


def test_a_redirection_is_not_followed_and_told_without_its_query(web: WebFolder, web_proxy: Proxy) -> None:
    web.put("a", b"1")
    away = Answer(302, "", "Location: https://login.example.org/in?token=secret\r\n")
    web_proxy.rule = lambda _asked: away
    words = words_of(web.source(port=web_proxy.port))
    assert "sends elsewhere: https://login.example.org/in" in words
    assert "secret" not in words


def test_a_root_that_is_missing_or_a_file_is_told(web: WebFolder) -> None:
    web.put("a", b"1")
    source = web.source()
    web.remove()
    assert "it is not there" in words_of(source)
    web.root.write_bytes(b"a file")
    words_of(source)


def test_a_folder_that_may_not_be_listed_fails_the_listing_unless_it_is_left_out(
    web: WebFolder, web_proxy: Proxy
) -> None:
    web.put("a", b"1")
    web.put("secret/b", b"1")
    web_proxy.rule = lambda asked: Answer(403, "") if asked.path.endswith("/secret/") else None
    assert "its folder secret: access is denied" in words_of(web.source(port=web_proxy.port))
    assert set(listed(web.source(port=web_proxy.port, exclude=["secret/"]))) == {b"a"}


def test_a_folder_that_is_deleted_while_all_is_listed_is_gone_and_a_disk_that_the_server_loses_is_not(
    web: WebFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_walk, "PIECE", 1)
    for name in ("a", "b", "c/d", "c/e"):
        web.put(f"{name}/file", b"1")
    source = web.source()
    whole = listed(source)

    def listed_while(act: Callable[[], object]) -> set[bytes]:
        pieces = source.listing()
        found = [next(pieces)]
        while not isinstance(found[-1], Directory) or not found[-1].files:
            found.append(next(pieces))
        act()
        found += pieces
        return {joined(item.path, name) for item in found if isinstance(item, Directory) for name in item.files}

    first = next(item.path for item in source.listing() if isinstance(item, Directory) and item.files)
    later = next(path for path in (b"a", b"b") if path != first)
    assert listed_while(lambda: shutil.rmtree(web.root / later.decode())) == set(whole) - {later + b"/file"}
    away = web.root.parent / f"{web.root.name}-away"

    def lose() -> None:
        web.root.rename(away)
        web.root.mkdir()

    with pytest.raises(SourceUnavailable, match="not there"):
        listed_while(lose)


@pytest.mark.parametrize("how", [Answer(403, ""), Answer(404, "")])
def test_a_file_that_is_listed_and_not_told_of_is_none_that_is_gone(
    own_web: WebFolder, site: Installation, monkeypatch: pytest.MonkeyPatch, how: Answer
) -> None:
    """A permission that was withdrawn, of a file or of a folder, in the words of WebDAV servers and of Python's."""
    monkeypatch.setattr(WebSource, "certain_after", 0.0)
    fill(own_web)
    proxy = Proxy(own_web.port)
    proxy.up()
    untold = f"<d:propstat><d:prop><d:resourcetype/></d:prop><d:status>HTTP/1.1 {how.status} X</d:status></d:propstat>"

    def withdrawn(asked: Asked) -> Answer | None:
        listing = asked.headers.get("depth") == "1" and asked.path == "/folder/"
        if not listing and not (asked.headers.get("depth") == "0" and asked.path == "/folder/p1"):
            return None
        members = [f"<d:response><d:href>/folder/p1/</d:href>{untold}</d:response>"]
        if listing:
            is_folder = "<d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>"
            is_folder += "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
            known = ["", *(f"p{number}/" for number in range(12) if number != 1)]
            members += [f"<d:response><d:href>/folder/{name}</d:href>{is_folder}</d:response>" for name in known]
        return Answer(207, f'<d:multistatus xmlns:d="DAV:">{"".join(members)}</d:multistatus>')

    try:
        configured(site, own_web, proxy.port)
        assert site.sync().exit_code == 0
        proxy.rule = withdrawn
        told = site.sync()
        assert "p1 is not taken: the server does not tell its kind and size" in told.stdout
        assert "gone" not in {state for state, _ in site.files().values()}
        proxy.rule = lambda _asked: None
        own_web.delete("p1/image.png")
        assert site.sync().counts["gone"] == 1
    finally:
        proxy.down()


@pytest.mark.parametrize("own_web", ["python", "html"], indirect=True)
def test_what_is_listed_and_then_not_found_may_not_be_read_and_is_not_gone(own_web: WebFolder) -> None:
    """So says Python's server of files and folders that it may not read."""
    for name in ("a", "b", "sub/c"):
        own_web.put(name, b"1")
    proxy = Proxy(own_web.port)
    proxy.up()
    try:
        source = own_web.source(port=proxy.port)
        proxy.rule = lambda asked: Answer(404, "") if asked.path.endswith("/b") else None
        items = list(source.listing())
        assert [item.path for item in items if isinstance(item, Untakeable)] == [b"b"]
        proxy.rule = lambda asked: Answer(404, "") if asked.path.endswith("/sub/") else None
        assert "its folder sub: access is denied" in words_of(source)
    finally:
        proxy.down()


def test_more_files_are_open_at_once_than_there_are_connections(web: WebFolder) -> None:
    read_many_at_once(web)  # type: ignore[arg-type]


@pytest.mark.parametrize("own_web", ["wsgidav", "nginxdav", "python", "html", "json"], indirect=True)
def test_no_thread_and_no_connection_is_left(own_web: WebFolder) -> None:
    own_web.put("a", CONTENT)
    before = threads()
    for _ in range(5):
        source = own_web.source()
        observed = listed(source)[b"a"]
        with source.open_observed(b"a", observed) as stream:
            stream.read(100)
        with pytest.raises(FileUnreadable), source.open_observed(b"missing", observed) as stream:
            stream.read(1)
        del source, stream
    gc.collect()  # what was raised keeps what raised it
    assert connections(own_web.port) == 0
    assert threads() <= before


@pytest.mark.parametrize("own_web", ["nginxdav", "json"], indirect=True)  # the others take minutes
def test_100_000_files_of_one_folder_take_no_more_memory_than_a_thousand(own_web: WebFolder) -> None:
    for number in range(100_000):
        (own_web.root / f"{number:06}.png").touch()
    lists_in_flat_memory(own_web.source(), 100_000)


def test_a_large_file_takes_no_memory(web: WebFolder) -> None:
    reads_in_flat_memory(web)


@pytest.mark.parametrize("ways", ["basic", "digest", "basic digest"])
def test_a_password_is_sent_when_it_is_asked_for_and_never_where_its_digest_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: str
) -> None:
    password = PASSWORD if ways == "digest" else "password"  # WsgiDAV reads the other in Latin-1
    server = WsgiDav(tmp_path, ways, password)
    proxy = Proxy(server.port)
    proxy.up()
    try:
        web = WebFolder("folder", server, "webdav")
        web.put("a", b"1")
        assert "lets nobody in without a login" in words_of(web.source())
        monkeypatch.setenv(VARIABLE, "wrong")
        access = {"user": USER, "password_env": VARIABLE}
        assert "does not accept the login" in words_of(web.source(access=access))
        monkeypatch.setenv(VARIABLE, password)
        source = web.source(port=proxy.port, access=access)
        observed = listed(source)[b"a"]
        with source.open_observed(b"a", observed) as stream:
            assert stream.read(2) == b"1"
        sent = [asked.headers.get("authorization", "").partition(" ")[0] for asked in proxy.asked]
        assert set(sent) == {"", "Digest" if "digest" in ways else "Basic"}
        assert sent[0] == ""
        server.password = "changed"
        server.restart()
        assert "does not accept the login" in words_of(source)
        monkeypatch.setenv(VARIABLE, "changed")
        assert listed(source) == {b"a": observed}
    finally:
        proxy.down()
        server.stop()


def test_a_token_is_sent_with_each_request(web: WebFolder, web_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    web.put("a", b"1")
    monkeypatch.setenv(VARIABLE, "t0ken")
    known = "Bearer t0ken"
    web_proxy.rule = lambda asked: None if asked.headers.get("authorization") == known else Answer(401, "")
    assert "lets nobody in without a login" in words_of(web.source(port=web_proxy.port))
    source = web.source(port=web_proxy.port, access={"token_env": VARIABLE})
    with source.open_observed(b"a", listed(source)[b"a"]) as stream:
        assert stream.read(1) == b"1"
    known = "Bearer another"
    words = words_of(source)
    assert "does not accept the login" in words
    assert "t0ken" not in words


def test_what_the_synapse_server_hands_out_is_sent_with_each_request(web: WebFolder, web_proxy: Proxy) -> None:
    web.put("a", b"1")
    handed = [{"headers": '{"X-Key": "s3cr3t"}'}, {"headers": '{"X-Key": "another"}'}]

    class Handing:
        def secrets(self, *, connecting: bool = False) -> Secrets:
            return Secrets(handed[0])

    wanted = "s3cr3t"
    web_proxy.rule = lambda asked: None if asked.headers.get("x-key") == wanted else Answer(401, "")
    source = web.source(port=web_proxy.port, grant=Handing())
    with source.open_observed(b"a", listed(source)[b"a"]) as stream:
        assert stream.read(1) == b"1"
    wanted = "another"
    assert "s3cr3t" not in words_of(source)
    del handed[0]
    assert set(listed(source)) == {b"a"}


def test_an_error_that_the_filters_leave_out_asks_for_no_file(web: WebFolder, web_proxy: Proxy) -> None:
    for name in ("a.png", "b.txt"):
        web.put(name, b"1")
    source = web.source(port=web_proxy.port, include=["*.png"])
    assert set(listed(source)) == {b"a.png"}
    assert not [asked for asked in web_proxy.asked if asked.path.endswith("b.txt")]


def test_a_page_that_stands_in_a_folders_place_is_no_list(own_web: WebFolder) -> None:
    web = own_web
    web.put("a/index.html", LOGIN_PAGE.encode())
    assert set(listed(web.source())) == {b"a/index.html"}


@pytest.mark.parametrize("own_web", ["python", "html"], indirect=True)
def test_a_site_of_its_own_in_a_folders_place_is_told(own_web: WebFolder) -> None:
    own_web.put("a/x", b"1")
    own_web.put("a/index.html", LOGIN_PAGE.encode())
    words = words_of(own_web.source())
    assert "no list of a folder" in words
    assert "index.html" in words


@pytest.mark.parametrize("own_web", ["html"], indirect=True)
def test_files_are_asked_for_twice_and_then_only_now_and_then_unless_their_line_changes(own_web: WebFolder) -> None:
    for number in range(40):
        own_web.put(f"{number}", b"1")
    source = own_web.source()
    before = listed(source)
    counts = []
    for _ in range(17):
        asked = source.list_requests
        assert listed(source) == before
        counts.append(source.list_requests - asked - 1)
    assert counts[0] == 40
    assert sum(counts[1:]) == 40
    own_web.put("7", b"2")
    after = listed(source)
    assert {path for path in after if after[path] != before[path]} == {b"7"}


@pytest.mark.parametrize("own_web", ["html"], indirect=True)
def test_a_file_with_another_ones_line_is_known_when_it_is_read_and_after_some_listings(
    own_web: WebFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_asking, "ATTEMPTS", 4)  # nginx ends the connection of which it says that it keeps it
    own_web.put("a", b"1")
    source = own_web.source()
    before = listed(source)
    listed(source)
    own_web.moment -= 50
    own_web.put("a", b"2")
    own_web.moment -= 10
    with pytest.raises(FileChanged), source.open_observed(b"a", before[b"a"]) as stream:
        stream.read(1)
    assert listed(source) != before


def test_what_a_webdav_server_says_that_it_should_not(own_web: WebFolder) -> None:
    proxy = Proxy(own_web.port)
    proxy.up()
    file = "<d:propstat><d:prop><d:resourcetype/><d:getcontentlength>1</d:getcontentlength><d:getetag>&quot;x&quot;"
    file += "</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
    folder = "<d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>"
    folder += "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"

    def said(*members: tuple[str, str], itself: str = "/folder/") -> Answer:
        all_of_it = [(itself, folder), *members]
        body = "".join(f"<d:response><d:href>{href}</d:href>{about}</d:response>" for href, about in all_of_it)
        return Answer(207, f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{body}</d:multistatus>')

    def with_answer(answer: Answer) -> Any:
        proxy.rule = lambda asked: answer if asked.headers.get("depth") == "1" else None
        return own_web.source(port=proxy.port)

    try:
        odd = [
            "/folder/../up",
            "/folder/a%2Fb",
            "/folder/x%00y",
            "/elsewhere/c",
            "/folder2/d",
            "/folder/%ff",
            "/folder//e",
        ]
        source = with_answer(said(("/folder/a", file), *((href, file) for href in odd)))
        items = list(source.listing())
        assert {joined(i.path, name) for i in items if isinstance(i, Directory) for name in i.files} == {b"a"}
        assert len([item for item in items if isinstance(item, Untakeable)]) == len(odd)
        absolute = with_answer(said(("http://inside:8080/folder/%61%20b/", file), itself="https://x/folder"))
        assert set(listed(absolute)) == {b"a b"}
        assert "another folder" in words_of(with_answer(said(("/folder/a", file), itself="/behind/folder/")))
        cut = "<d:status>HTTP/1.1 507 Insufficient Storage</d:status>"
        assert "507" in words_of(with_answer(said(("/folder/a", file), ("/folder/", cut))))
        bomb = said(("/folder/a", file))
        entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><d:multistatus'
        assert "no WebDAV" in words_of(
            with_answer(bomb._replace(body=bomb.body.replace("<d:multistatus", entities, 1)))
        )
    finally:
        proxy.down()


def test_what_apache_tells_of_a_packed_file_is_not_packed_itself(own_web: WebFolder) -> None:
    """Its module for types of files marks the answer as it would mark the file."""
    proxy = Proxy(own_web.port)
    proxy.up()
    own_web.put("x.gz", b"1")
    headers = {"Depth": "0", "Content-Type": "application/xml"}
    address = f"http://127.0.0.1:{own_web.port}/folder/x.gz"
    told = requests.request("PROPFIND", address, headers=headers, data=ASKED).text
    marked = Answer(207, told, "Content-Encoding: x-gzip\r\n")
    proxy.rule = lambda asked: marked if asked.headers.get("depth") == "0" and asked.path.endswith(".gz") else None
    try:
        source = own_web.source(port=proxy.port)
        with source.open_observed(b"x.gz", listed(source)[b"x.gz"]) as stream:
            assert stream.read(2) == b"1"
    finally:
        proxy.down()


def test_a_certificate_of_its_own_is_trusted_where_the_config_names_it(
    web: WebFolder, web_proxy: Proxy, tmp_path: Path
) -> None:
    own = certificate(tmp_path)
    web_proxy.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    web_proxy.tls.load_cert_chain(own)
    web.put("a", b"1")
    web.kind += "s"
    assert "not trusted: self-signed certificate; name the certificates to trust with ca_bundle" in words_of(
        web.source(port=web_proxy.port)
    )
    assert "it does not speak TLS; correct path: another port" in words_of(web.source())
    source = web.source(port=web_proxy.port, access={"ca_bundle": str(own)})
    with source.open_observed(b"a", listed(source)[b"a"]) as stream:
        assert stream.read(2) == b"1"
