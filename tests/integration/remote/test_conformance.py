"""What holds of every source, local and remote, on real servers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from synapse_sync.checksum import digest
from synapse_sync.errors import FileChanged, FileUnreadable, SourceError, SourceUnavailable
from synapse_sync.records import Directory, Observation
from synapse_sync.shown import joined
from synapse_sync.sources.base import Source

from .places import Place

CONTENT = b"0123456789" * 30_000


def listed(source: Source) -> dict[bytes, Observation]:
    """All files that a listing shows and the filters keep; each must come once."""
    found: dict[bytes, Observation] = {}
    for item in source.listing():
        assert isinstance(item, Directory), item
        for name, observed in item.files.items():
            if source.keeps(item.path, name):
                path = joined(item.path, name)
                assert path not in found
                found[path] = observed
    return found


def read_while(source: Source, path: bytes, observed: Observation, act: Callable[[], object], amount: int = 1) -> None:
    """Read some of a file, and let something happen meanwhile."""
    with source.open_observed(path, observed) as stream:
        stream.read(amount)
        act()


def test_every_file_is_listed_once_with_its_size(place: Place) -> None:
    contents = {b"a.png": b"1", b"d/b.png": b"22", b"d/e/c.png": b"333", b"d-e/f.png": b"4444", b"z": b""}
    for path, content in contents.items():
        place.put(path.decode(), content)
    found = listed(place.source())
    assert {path: observed.size for path, observed in found.items()} == {p: len(c) for p, c in contents.items()}


def test_an_empty_root_is_an_empty_listing_and_a_missing_one_is_none(place: Place) -> None:
    source = place.source()
    assert listed(source) == {}
    place.put("a.png", b"1")
    place.remove()
    with pytest.raises(SourceUnavailable):
        listed(source)


@pytest.mark.parametrize("name", ["한글 스캔.png", "스캔.png", "a+b %20&=#?.png", "ä.png", "'\"<>.png", "~a..b."])
def test_names_come_as_they_are_and_lead_to_their_content(place: Place, name: str) -> None:
    place.put(f"d/{name}", name.encode())
    source = place.source()
    ((path, observed),) = listed(source).items()
    assert path == f"d/{name}".encode() or not place.shows(name)
    with source.open_observed(path, observed) as stream:
        assert stream.read(1000) == name.encode()


def test_filters_and_recursion_are_obeyed(place: Place) -> None:
    for path in ("a.png", "a.json", "old/b.png", "d/c.png", "d/c.png.part", "@eaDir/d.png"):
        place.put(path, b"1")
    assert set(listed(place.source(include=["*.png"], exclude=["old/"]))) == {b"a.png", b"d/c.png"}
    assert set(listed(place.source(recursive=False))) == {b"a.png", b"a.json"}


def test_what_does_not_change_is_observed_the_same_and_what_changes_is_not(place: Place) -> None:
    place.put("a.png", b"one")
    place.put("b.png", b"one")
    source = place.source()
    before = listed(source)
    assert listed(source) == listed(place.source()) == before
    place.put("a.png", b"two")
    after = listed(source)
    assert after[b"a.png"] != before[b"a.png"]
    assert after[b"b.png"] == before[b"b.png"]
    place.delete("b.png")
    assert set(listed(source)) == {b"a.png"}


def test_a_file_is_read_from_wherever_in_whatever_pieces(place: Place) -> None:
    place.put("a.png", CONTENT)
    source = place.source()
    (observed,) = listed(source).values()
    with source.open_observed(b"a.png", observed) as stream:
        first, _ = digest(stream)
        assert stream.tell() == len(CONTENT) == first.size
        assert stream.seek(0) == 0
        assert digest(stream)[0] == first
        assert stream.seek(-10, 2) == len(CONTENT) - 10
        assert stream.read(100) == CONTENT[-10:]
        assert stream.read(100) == b""
        stream.seek(123)
        assert stream.read(1) + stream.read(9) == CONTENT[123:133]
        assert stream.seekable()
    assert stream.closed


def test_an_empty_file_is_read(place: Place) -> None:
    place.put("empty", b"")
    source = place.source()
    with source.open_observed(b"empty", listed(source)[b"empty"]) as stream:
        assert stream.read(10) == b""


@pytest.mark.parametrize("now", [b"another", CONTENT[::-1]])
def test_a_file_that_was_replaced_before_it_is_read_has_changed(place: Place, now: bytes) -> None:
    place.put("a.png", CONTENT)
    source = place.source()
    observed = listed(source)[b"a.png"]
    place.put("a.png", now)
    with pytest.raises(FileChanged), source.open_observed(b"a.png", observed) as stream:
        stream.read(1)


@pytest.mark.parametrize("now", [b"another", CONTENT[::-1]])
@pytest.mark.parametrize("read", [0, 10, len(CONTENT)])
def test_a_file_that_was_replaced_while_it_is_read_has_changed(place: Place, now: bytes, read: int) -> None:
    place.put("a.png", CONTENT)
    source = place.source()
    observed = listed(source)[b"a.png"]
    with pytest.raises(FileChanged):
        read_while(source, b"a.png", observed, lambda: place.put("a.png", now), read)


def test_a_file_that_is_gone_can_not_be_read_and_one_that_goes_while_it_is_read_has_changed(place: Place) -> None:
    place.put("a.png", CONTENT)
    place.put("b.png", CONTENT)
    source = place.source()
    found = listed(source)
    place.delete("a.png")
    with pytest.raises(FileUnreadable, match="not there"), source.open_observed(b"a.png", found[b"a.png"]) as stream:
        stream.read(1)
    with pytest.raises(FileChanged):
        read_while(source, b"b.png", found[b"b.png"], lambda: place.delete("b.png"))


def test_an_error_of_the_reader_is_not_hidden(place: Place) -> None:
    place.put("a.png", CONTENT)
    source = place.source()
    observed = listed(source)[b"a.png"]

    def fails() -> None:
        place.delete("a.png")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_while(source, b"a.png", observed, fails)


def test_many_threads_read_and_list_at_once(place: Place) -> None:
    for number in range(16):
        place.put(f"d{number % 4}/{number}", bytes([number]) * 100_000)
    source = place.source()
    found = listed(source)

    def read(path: bytes) -> bytes:
        assert listed(source) == found
        with source.open_observed(path, found[path]) as stream:
            return stream.read(100_001)

    with ThreadPoolExecutor(8) as threads:
        for path, content in zip(found, threads.map(read, found), strict=True):
            assert content == bytes([int(path.rpartition(b"/")[2])]) * 100_000


def test_a_root_is_itself_and_no_other(place: Place) -> None:
    place.put("d/a.png", b"1")
    one, again = place.source(), place.source()
    assert one.identity() == again.identity()
    assert one.identity() != place.elsewhere().identity()


def test_errors_name_the_place_and_what_to_do(place: Place) -> None:
    place.put("a.png", b"1")
    source = place.source()
    observed = listed(source)[b"a.png"]
    place.delete("a.png")
    with pytest.raises(SourceError) as unread, source.open_observed(b"a.png", observed) as stream:
        stream.read(1)
    assert source.describe_path(b"a.png") in unread.value.message
    assert unread.value.hint
    place.remove()
    with pytest.raises(SourceUnavailable) as unlisted:
        listed(source)
    assert source.root in unlisted.value.message
    assert unlisted.value.hint
