"""What fails between us and an SSH, SMB or FTP server: no listing is empty that failed, a read goes on or is told."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest

from synapse_sync.checksum import digest
from synapse_sync.config.remote import KINDS
from synapse_sync.errors import FileChanged, FileUnreadable, SourceUnavailable
from synapse_sync.records import Directory, Untakeable
from synapse_sync.shown import joined
from synapse_sync.sources import conversing, remote_reading, remote_walk
from synapse_sync.sources.conversing import Refused

from .line import Line
from .places import Served
from .starting import connections
from .talking import lists_in_flat_memory, read_many_at_once, reads_in_flat_memory, threads, words_of
from .test_conformance import listed, read_while

CONTENT = bytes(range(256)) * 32768  # 8 MiB
HANDSHAKE = 6000  # bytes that a connection to an SSH server has carried before it lists

pytestmark = pytest.mark.usefixtures("_no_pauses")


@pytest.mark.parametrize("carried", [0, 100, 3000, HANDSHAKE, 8000, 12_000, 20_000])
def test_a_listing_whose_connection_breaks_is_no_listing_and_the_next_one_is_whole(
    served: Served, line: Line, carried: int
) -> None:
    for number in range(600):
        served.put(f"{number % 6}/a long name for a file that there is {number:04}", b"1")
    source = served.source(port=line.port)
    line.cut_after = [carried]
    words_of(source)
    assert len(listed(source)) == 600


def test_a_listing_that_breaks_off_between_its_pieces_is_none(
    served: Served, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_walk, "PIECE", 3)
    for number in range(300):
        served.put(f"{number % 10}/{number}", b"1")
    source = served.source(port=line.port)
    pieces = source.listing()
    assert len(list(islice(pieces, 30))) == 30
    line.cut()
    with pytest.raises(SourceUnavailable, match=r"broke off|was closed"):
        list(pieces)
    assert len(listed(source)) == 300


def test_a_server_that_is_down_is_told_and_used_again_once_it_is_up(served: Served, line: Line) -> None:
    served.put("a", CONTENT)
    source = served.source(port=line.port)
    observed = listed(source)[b"a"]
    line.down()
    words_of(source)
    assert "server listens there" in words_of(source)
    line.up()
    opened = line.opened
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    assert line.opened == opened  # it rests until a listing succeeds, so that no file waits for it in vain
    assert listed(source) == {b"a": observed}
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream)[0].size == len(CONTENT)


def test_after_a_restart_of_the_server_the_next_listing_and_the_next_read_work(own: Served) -> None:
    own.put("a", CONTENT)
    source = own.source()
    observed = listed(source)[b"a"]
    own.server.restart()
    with source.open_observed(b"a", observed) as stream:
        stream.read(100)
        own.server.restart()
        assert stream.read(len(CONTENT)) == CONTENT[100:]
    own.server.restart()
    with suppress(SourceUnavailable):  # the connection may break under it: that is told
        listed(source)
    assert listed(source) == {b"a": observed}


@pytest.mark.parametrize("carried", [20_000, 500_000, 5_000_000])
def test_a_read_goes_on_where_the_connection_broke(served: Served, line: Line, carried: int) -> None:
    served.put("a", CONTENT)
    observed = listed(served.source())[b"a"]
    with served.source().open_observed(b"a", observed) as stream:
        expected = digest(stream)
    line.cut_after = [carried, carried + 1_000_000, carried + 1_000_000]
    source = served.source(port=line.port)
    with source.open_observed(b"a", observed) as stream:
        assert digest(stream) == expected
    assert line.opened >= 2


def test_a_file_that_is_replaced_while_its_connection_is_lost_has_changed(served: Served, line: Line) -> None:
    served.put("a", CONTENT)
    source = served.source(port=line.port)
    observed = listed(source)[b"a"]

    def meanwhile() -> None:
        served.put("a", CONTENT[::-1])
        line.cut()

    with pytest.raises(FileChanged):
        read_while(source, b"a", observed, meanwhile)


def test_a_connection_that_breaks_again_and_again_is_given_up(served: Served, line: Line) -> None:
    served.put("a", CONTENT)
    observed = listed(served.source())[b"a"]
    source = served.source(port=line.port)
    line.cut_after = [HANDSHAKE] * 100
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        digest(stream)
    assert line.opened <= remote_reading.TRIES


def test_a_server_that_falls_silent_is_left(served: Served, line: Line) -> None:
    served.put("a", CONTENT)
    source = served.source(port=line.port, access={"connect_timeout": "1s", "read_timeout": "1s"})
    observed = listed(source)[b"a"]
    line.silent = True
    assert "stopped answering" in words_of(source)
    words_of(source)  # not even a banner comes
    with pytest.raises(SourceUnavailable), source.open_observed(b"a", observed) as stream:
        stream.read(1)
    line.silent = False
    assert listed(source) == {b"a": observed}


def test_a_file_that_becomes_shorter_while_it_is_read_has_changed(served: Served) -> None:
    served.put("a", CONTENT)
    source = served.source()
    observed = listed(source)[b"a"]

    def read_all() -> None:
        with source.open_observed(b"a", observed) as stream:
            stream.read(100)
            os.truncate(served.root / "a", 200)
            digest(stream)

    with pytest.raises(FileChanged, match=r"shorter|another"):  # what was under way may have come as it was
        read_all()


def test_a_folder_that_may_not_be_listed_fails_the_listing_unless_it_is_left_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may list all: the server's answer is made up."""
    served.put("a", b"1")
    served.put("secret/b", b"1")
    real = served.talks.open_folder

    def refused(talk: Any, path: bytes) -> Any:
        if path.endswith(b"/secret"):
            raise Refused("no", denied=True)
        return real(talk, path)

    monkeypatch.setattr(served.talks, "open_folder", refused)
    assert "its folder secret: access is denied" in words_of(served.source())
    assert set(listed(served.source(exclude=["secret/"]))) == {b"a"}


def test_a_root_that_is_missing_or_a_file_is_told(served: Served) -> None:
    served.put("a", b"1")
    source = served.source()
    served.remove()
    assert "it is not there" in words_of(source)
    served.root.write_bytes(b"a file")
    assert "not a folder" in words_of(source)


def test_more_files_are_open_at_once_than_there_are_sessions(served: Served) -> None:
    read_many_at_once(served)


@pytest.mark.parametrize("served", ["sftp", "smb"], indirect=True)  # Python itself speaks FTP
def test_what_is_not_installed_is_told_with_the_command_that_installs_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, KINDS[served.kind].package, None)
    assert f"pip install 'synapse-sync[{served.kind}]'" in words_of(served.source())


def test_a_name_that_no_file_can_have_is_told_and_leads_nowhere(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.put("a", b"1")
    real = served.talks.entries

    def also(talk: Any, handle: Any, requests: int) -> Any:
        entries, end = real(talk, handle, requests)
        return [
            *(one._replace(name=name) for name in (b"../up", b"/etc/passwd", b"", b"x\0y") for one in entries[:1]),
            *entries,
        ], end

    monkeypatch.setattr(served.talks, "entries", also)
    items = list(served.source().listing())
    assert {name for item in items if isinstance(item, Directory) for name in item.files} == {b"a"}
    assert len([item for item in items if isinstance(item, Untakeable)]) >= 3


def test_no_thread_and_no_connection_is_left(own: Served) -> None:
    own.put("a", CONTENT)
    before = threads()
    for number in range(5):
        source = own.source()
        observed = listed(source)[b"a"]
        with source.open_observed(b"a", observed) as stream:
            stream.read(100)
        if number % 2:
            own.server.restart()
            with pytest.raises(FileUnreadable), source.open_observed(b"missing", observed) as stream:
                stream.read(1)
        del source, stream
    gc.collect()  # what was raised keeps what raised it
    assert connections(own.port) == 0
    assert threads() <= before


def test_100_000_files_of_one_folder_take_no_more_memory_than_a_thousand(served: Served) -> None:
    for number in range(100_000):
        (served.root / f"{number:06}.png").touch()
    lists_in_flat_memory(served.source(), 100_000)


def test_a_large_file_takes_no_memory(served: Served) -> None:
    reads_in_flat_memory(served)


def test_a_connection_that_nobody_uses_is_ended_and_the_next_listing_makes_another(
    served: Served, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversing, "IDLE", 0.2)
    served.put("a", CONTENT)
    source = served.source(port=line.port)
    observed = listed(source)[b"a"]
    assert connections(line.port) == 0
    with source.open_observed(b"a", observed) as stream:
        stream.read(1)
        time.sleep(0.5)
        assert stream.read(len(CONTENT)) == CONTENT[1:]
    assert connections(line.port) == 0
    assert listed(source) == {b"a": observed}
    assert line.opened >= 3


def test_a_folder_that_is_deleted_while_all_is_listed_is_gone_and_a_disk_that_the_server_loses_is_not(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_walk, "PIECE", 1)
    for name in ("a", "b", "c/d", "c/e"):
        served.put(f"{name}/file", b"1")
    source = served.source()
    whole = listed(source)

    def listed_while(act: Callable[[], object]) -> set[bytes]:
        pieces = source.listing()
        found = [next(pieces)]
        act()
        found += pieces
        return {joined(item.path, name) for item in found if isinstance(item, Directory) for name in item.files}

    first = next(item.path for item in source.listing() if isinstance(item, Directory) and item.files)
    later = next(path for path in (b"a", b"b") if path != first)
    assert listed_while(lambda: shutil.rmtree(served.root / later.decode())) == set(whole) - {later + b"/file"}
    away = served.root.parent / f"{served.root.name}-away"

    def lose() -> None:
        served.root.rename(away)
        served.root.mkdir()

    with pytest.raises(SourceUnavailable, match="not there"):
        listed_while(lose)
