"""The spool by itself: what it keeps, what goes first, whose folders it touches."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse_sync.checksum import digest
from synapse_sync.errors import SourceError
from synapse_sync.records import Digests
from synapse_sync.sources import spool as spools
from synapse_sync.sources.spool import Spool


@pytest.fixture(autouse=True)
def _whatever_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "LEFT_FREE", 0)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool", 100) as spool:
        yield spool


def put(spool: Spool, content: bytes) -> Digests:
    """Keep a content, if there is room for it."""
    with spool.copying(len(content)) as copy:
        digests, _ = digest(copy.beside(io.BytesIO(content)))
        copy.keep(digests)
    return digests


def content_of(spool: Spool, digests: Digests) -> bytes | None:
    kept = spool.take(digests)
    if kept is None:
        return None
    with kept.opened() as stream:
        content = stream.read()
    kept.let_go()
    return content


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_oldest_goes_first_unless_it_is_being_sent(spool: Spool, tmp_path: Path) -> None:
    first, second, third = (put(spool, letter * 30) for letter in (b"1", b"2", b"3"))
    sending = spool.take(first)
    assert sending is not None
    assert spool.room(evicting=False) == 10
    assert spool.room(evicting=True) == 70
    fourth = put(spool, b"4" * 30)
    assert content_of(spool, second) is None
    assert [content_of(spool, each) for each in (first, third, fourth)] == [b"1" * 30, b"3" * 30, b"4" * 30]
    sending.let_go()
    assert on_disk(tmp_path) == 90


def test_nothing_goes_for_what_finds_no_room_all_the_same(spool: Spool) -> None:
    first, second = put(spool, b"1" * 50), put(spool, b"2" * 40)
    sending = spool.take(first)
    third = put(spool, b"3" * 60)
    assert content_of(spool, third) is None
    assert content_of(spool, second) == b"2" * 40
    assert sending is not None
    assert not spool.takes(101)


def test_what_is_not_read_to_its_end_or_has_grown_is_not_kept(spool: Spool, tmp_path: Path) -> None:
    with spool.copying(50) as copy:
        copy.beside(io.BytesIO(b"1" * 50)).read(20)
    with spool.copying(5) as copy:
        digests, _ = digest(copy.beside(io.BytesIO(b"more than five")))
        copy.keep(digests)
    assert content_of(spool, digests) is None
    assert on_disk(tmp_path) == 0
    assert spool.room(evicting=False) == 100


def test_equal_contents_are_kept_once(spool: Spool, tmp_path: Path) -> None:
    assert put(spool, b"1" * 30) == put(spool, b"1" * 30)
    assert on_disk(tmp_path) == 30
    assert spool.room(evicting=False) == 70


def test_bytes_that_somebody_changed_are_not_handed_out(spool: Spool, tmp_path: Path) -> None:
    digests = put(spool, b"1" * 30)
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(b"2" * 30)
    with pytest.raises(SourceError):
        content_of(spool, digests)


def test_a_folder_that_somebody_removed_is_made_again(spool: Spool, tmp_path: Path) -> None:
    first = put(spool, b"1" * 30)
    (folder,) = (tmp_path / "spool").iterdir()
    next(folder.iterdir()).unlink()
    folder.rmdir()
    second = put(spool, b"2" * 30)
    assert content_of(spool, first) is None
    assert content_of(spool, second) == b"2" * 30


def test_only_what_a_dead_process_of_ours_left_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.mkdir()

    def folder(name: str, mode: int, *files: str) -> Path:
        made = root / name
        made.mkdir(mode=mode)
        for file in files:
            (made / file).write_text("content")
        return made

    left = folder("synapse-sync-deadbeef", 0o700, "1", "2")
    open_to_all = folder("synapse-sync-whatever", 0o755, "1")
    with_more = folder("synapse-sync-withmore", 0o700, "1", "a letter")
    other = folder("somebody", 0o700, "1")
    (root / "synapse-sync-symlinks").symlink_to(other)
    with Spool(root, 100) as living:
        digests = put(living, b"1" * 30)
        with Spool(root, 100) as second:
            put(second, b"2" * 30)
            assert content_of(living, digests) == b"1" * 30
            assert len(list(root.iterdir())) == 6
    assert not left.exists()
    assert sorted(os.listdir(root)) == ["somebody", "synapse-sync-symlinks", "synapse-sync-whatever", with_more.name]
    assert os.listdir(with_more) == ["a letter"]
    assert os.listdir(other) == os.listdir(open_to_all) == ["1"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["put", "take", "let_go", "free"]), st.integers(0, 7)), max_size=30))
def test_whatever_happens_the_bound_holds_and_each_content_is_itself(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    contents = [bytes([65 + number]) * (number * 9 + 1) for number in range(8)]
    held: dict[int, list[spools.Kept]] = {number: [] for number in range(8)}
    with Spool(folder, 100) as spool:
        for act, number in acts:
            digests = digest(io.BytesIO(contents[number]))[0]
            if act == "put":
                put(spool, contents[number])
            elif act == "free":
                spool.free(digests)
            elif act == "take" and (kept := spool.take(digests)):
                held[number].append(kept)
            elif act == "let_go" and held[number]:
                held[number].pop().let_go()
            assert on_disk(folder) <= 100
            assert spool.room(evicting=False) == 100 - on_disk(folder)
            assert content_of(spool, digests) in (None, contents[number])
    assert os.listdir(folder) == []
