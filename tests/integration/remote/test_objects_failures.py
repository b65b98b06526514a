"""What fails between us and an object store of any kind: a listing that is cut concludes nothing, a read goes on.

Where the test's server is laxer than the service (moto and fake-gcs-server know no credentials, the latter ignores
ifGenerationMatch), the test's own answers stand for the service (interference.Answer).
"""

from __future__ import annotations

import gc
import os
import ssl
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.checksum import digest
from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources import remote_reading

from .interference import Answer, Cut
from .line import Line
from .stores import WAYS, Store, at_once
from .talking import lists_in_flat_memory
from .test_conformance import listed

CONTENT = bytes(range(256)) * 8192  # 2 MiB


ONE_OF_EACH = ["moto", "gcs", "azure"]  # where the server plays no part


@pytest.fixture(autouse=True)
def _at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(store, monkeypatch)


def observed_in(store: Store, content: bytes = CONTENT) -> Observation:
    store.put("a", content)
    return listed(store.bucket.source())[b"a"]


@pytest.mark.parametrize("how", WAYS)
def test_a_listing_that_fails_on_page_7_is_no_listing_and_the_next_one_is_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(store.speech.listing, "PAGE", 3)
    for number in range(24):
        store.put(f"{number:02}", b"1")
    source = store.source()
    store.proxy.rule = lambda asked: store.fails(how) if asked.number == 7 else None
    with pytest.raises(SourceUnavailable, match=store.name):
        listed(source)
    assert len(listed(source)) == 24
    assert source.list_requests == 7 + 8
    assert len(store.proxy.asked) == 7 + 8  # none for an object


@pytest.mark.parametrize("how", ["it breaks off in the middle", "503"])
def test_a_page_that_can_not_be_had_at_once_is_asked_for_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    at_once(store, monkeypatch, attempts=2)
    store.put("a", b"1")
    store.proxy.rule = lambda asked: store.fails(how) if asked.number == 1 else None
    assert set(listed(store.source())) == {b"a"}
    store.proxy.rule = lambda asked: store.fails("503")
    store.proxy.asked.clear()
    with pytest.raises(SourceUnavailable) as told:
        listed(store.source())
    assert told.value.hint
    assert len(store.proxy.asked) == 2


def test_a_listing_that_names_the_same_page_again_is_none(store: Store) -> None:
    store.proxy.rule = lambda _asked: Answer(200, store.speech.same_again)
    with pytest.raises(SourceUnavailable, match=r"repeats itself|breaks off"):
        listed(store.source())


def test_a_listing_that_hangs_is_given_up_and_the_next_one_is_whole(store: Store) -> None:
    store.put("a", b"1")
    source = store.source({"read_timeout": "1s"})
    over = threading.Event()
    store.proxy.rule = lambda _asked: over.wait(30) and None
    with pytest.raises(SourceUnavailable, match="stopped answering"):
        listed(source)
    over.set()
    assert set(listed(source)) == {b"a"}


def test_a_service_that_is_down_is_told_and_used_again_once_it_is_up(store: Store) -> None:
    observed = observed_in(store)
    source = store.source()
    assert listed(source)[b"a"] == observed
    store.proxy.down()
    with pytest.raises(SourceUnavailable, match="can't be reached"):
        listed(source)
    store.proxy.up()
    asked = len(store.proxy.asked)
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert len(store.proxy.asked) == asked  # it rests until a listing succeeds, so that no file waits for it in vain
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream)[0].size == len(CONTENT)


@pytest.mark.parametrize("after", [0, 1, 100_000, len(CONTENT) - 1])
def test_a_read_goes_on_where_the_connection_broke(store: Store, after: int) -> None:
    observed = observed_in(store)
    with store.bucket.source().open_observed(b"a", observed) as stream:
        expected = digest(stream)
    store.proxy.rule = lambda asked: Cut(after) if asked.number == 1 else None
    with store.source().open_observed(b"a", observed) as stream:
        assert digest(stream) == expected
    first, second, last = store.proxy.asked
    assert store.speech.begins(first) == ""
    assert store.speech.begins(second) == (f"bytes={after}-" if after else "")
    assert last not in store.proxy.contents()
    assert all(store.speech.is_for(asked, observed) for asked in store.proxy.asked)


def test_an_object_that_is_replaced_while_its_connection_is_lost_has_changed(store: Store) -> None:
    observed = observed_in(store)
    source = store.source()
    replaced = Cut(100_000, lambda: store.put("a", CONTENT[::-1]))
    store.proxy.rule = lambda asked: replaced if asked in store.proxy.contents() else None
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        digest(stream)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("status", "error"), [(412, FileChanged), (404, FileUnreadable), (403, FileUnreadable)])
def test_what_the_service_says_of_another_a_deleted_or_a_forbidden_object(
    store: Store, status: int, error: type[Exception], number: int
) -> None:
    observed = observed_in(store, b"1")
    source = store.source()
    store.proxy.rule = lambda asked: store.refused(status) if asked.number == number else None
    expected = FileChanged if (status, number) == (404, 2) else error
    with pytest.raises(expected, match=store.name), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    store.put("b", b"2")
    with source.open_observed(b"b", listed(source)[b"b"]) as stream:  # others are read all the same
        assert stream.read(2) == b"2"


def test_a_connection_that_breaks_again_and_again_is_given_up(store: Store) -> None:
    observed = observed_in(store)
    source = store.source()
    store.proxy.rule = lambda _asked: Cut()
    with pytest.raises(SourceUnavailable, match="breaks again"), source.open_observed(b"a", observed) as stream:
        digest(stream)
    assert len(store.proxy.asked) == remote_reading.TRIES


def test_an_answer_that_does_not_name_the_version_is_not_taken_for_the_object(store: Store) -> None:
    """Whatever a server makes of the condition."""
    observed = observed_in(store)
    source = store.source()
    store.proxy.rule = lambda _asked: Answer(200, "x" * len(CONTENT))
    with pytest.raises(FileChanged), source.open_observed(b"a", observed) as stream:
        stream.read(1)


@pytest.mark.parametrize(
    ("says", "error"),
    [("bytes 0-9/10", SourceUnavailable), ("bytes */10", SourceUnavailable), ("bytes 2-9/*", FileChanged)],
)
def test_another_piece_than_was_asked_for_is_not_taken_for_it(store: Store, says: str, error: type[Exception]) -> None:
    observed = observed_in(store, b"0123456789")
    source = store.source()
    store.proxy.rule = lambda _asked: Answer(206, "0123456789", f"Content-Range: {says}\r\n")
    stream = source.open_observed(b"a", observed).__enter__()
    stream.seek(2)
    with pytest.raises(error):
        stream.read(2)
    stream.close()


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("encoding", ["euc-kr", "none"])
def test_a_page_of_a_proxy_in_another_encoding_is_told(store: Store, status: int, encoding: str) -> None:
    observed = observed_in(store)
    source = store.source()
    page = Answer(status, f'<?xml version="1.0" encoding="{encoding}"?><html><body>Log in</body></html>')
    store.proxy.rule = lambda _asked: page
    with (
        pytest.raises((FileUnreadable, FileChanged, SourceUnavailable)),
        source.open_observed(b"a", observed) as stream,
    ):
        stream.read(1)
    with pytest.raises(SourceUnavailable):
        listed(source)


def test_a_little_is_read_of_many_objects_over_one_connection(store: Store) -> None:
    for number in range(5):
        store.put(str(number), b"x" * 2000)
    line = Line(store.bucket.port)
    line.up()
    try:
        store.proxy.port = line.port
        source = store.source()
        for path, observed in listed(source).items():
            with source.open_observed(path, observed) as stream:
                assert stream.read(1) == b"x"
        assert line.opened == (11 if store.kind == "moto" else 1)  # which closes each connection itself
    finally:
        line.down()


def test_connections_are_closed_with_the_source_and_no_thread_is_left(store: Store) -> None:
    store.put("a", CONTENT)
    listed(store.bucket.source())  # what is loaded once keeps files open
    threads, before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        source = store.bucket.source()
        with source.open_observed(b"a", listed(source)[b"a"]) as stream:
            stream.read(1)
    del source, stream
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert threading.active_count() <= threads


def test_a_certificate_of_its_own_is_trusted_where_the_config_names_it(store: Store, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([*command, "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=-3)
    store.proxy.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    store.proxy.tls.load_cert_chain(certificate, key)
    store.put("a", b"1")
    with pytest.raises(SourceUnavailable, match="certificate") as told:
        listed(store.source())
    assert "ca_bundle" in (told.value.hint or "")
    assert set(listed(store.source({"ca_bundle": str(certificate)}))) == {b"a"}


@pytest.mark.parametrize("store", ONE_OF_EACH, indirect=True)
def test_keys_that_are_no_files_are_told_unless_the_filters_leave_them_out(store: Store) -> None:
    """Not every server here keeps them; the services do."""
    keys = [f"in/{key}" for key in ("a", "a/child", "../up", "x//y", "/abs", "ok/")]

    def found(**options: Any) -> list[Any]:
        source = store.source(**options)
        source._ask_for_page = lambda *_asked, **_named: store.speech.page(keys, "")
        return list(source.listing())

    def told(**options: Any) -> set[str]:
        return {item.name for item in found(**options) if isinstance(item, Untakeable)}

    files = {(item.path, name) for item in found() if isinstance(item, Directory) for name in item.files}
    assert files == {(b"", b"a"), (b"a", b"child")}
    assert told() == {"../up", "x//y", "/abs", "ok/"}  # a marker of a folder would be empty
    assert told(exclude=["x/", "up", "ok"]) == {"/abs"}


@pytest.mark.parametrize("store", ONE_OF_EACH, indirect=True)
def test_a_million_keys_take_no_more_memory_than_a_thousand(store: Store) -> None:
    """All in one directory; the server is left out, which takes most of the time."""
    numbers = count()

    def page(*_asked: Any, **_named: Any) -> Any:
        number = next(numbers)
        keys = [f"in/d/{number:04}{key:04}" for key in range(1000)]
        return store.speech.page(keys, str(number) if number < 999 else "")

    source = store.source()
    source._ask_for_page = page
    lists_in_flat_memory(source, 1_000_000)


@pytest.mark.parametrize("store", ONE_OF_EACH, indirect=True)
def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = store.source()
    monkeypatch.setitem(sys.modules, store.speech.library, None)
    with pytest.raises(SourceUnavailable) as error:
        list(source.listing())
    assert error.value.hint == f"pip install 'synapse-sync[{store.speech.extra}]'"
