"""A key is a file's path below the prefix, or no file at all: it never escapes, and no two meet at one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.shown import joined
from synapse_sync.sources.object_names import File, NoFile, meaning, nanoseconds, pieces


@pytest.mark.parametrize(
    ("key", "directory", "name"),
    [
        ("a", "", "a"),
        ("a/child", "a", "child"),
        ("한글/스캔 1.png", "한글", "스캔 1.png"),
        ("...", "", "..."),
        ("a..b/.c", "a..b", ".c"),
        ("trail ", "", "trail "),
        ("C:\\x", "", "C:\\x"),
    ],
)
def test_keys_that_are_files(key: str, directory: str, name: str) -> None:
    assert meaning(f"in/{key}".encode(), b"in/", 1) == File(directory.encode(), name.encode())


@pytest.mark.parametrize("key", ["", "a/", "a/b/"])
def test_what_marks_a_folder_is_nothing_to_tell_unless_it_has_content(key: str) -> None:
    assert meaning(b"in/" + key.encode(), b"in/", 0) == NoFile("")
    told = meaning(b"in/" + key.encode(), b"in/", 7)
    assert isinstance(told, NoFile)
    assert "ends with a slash" in told.reason


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"../up", '"." or ".."'),
        (b"./dot", '"." or ".."'),
        (b"x/../y", '"." or ".."'),
        (b"x/..", '"." or ".."'),
        (b"/abs", "begins with a slash"),
        (b"//etc/passwd", "begins with a slash"),
        (b"a//b", "two slashes in a row"),
        (b"\xff.png", "not UTF-8"),
        (b"a\0b", "NUL"),
    ],
)
def test_keys_that_are_no_files_are_told(key: bytes, reason: str) -> None:
    told = meaning(b"in/" + key, b"in/", 1)
    assert isinstance(told, NoFile)
    assert reason in told.reason
    assert told.remedy


def test_two_slashes_are_a_way_to_files_where_the_prefix_has_them() -> None:
    assert meaning(b"in//a.png", b"in//", 1) == File(b"", b"a.png")


@given(st.binary(max_size=30), st.sampled_from([b"", b"in/"]))
def test_no_two_keys_are_the_same_file_and_none_is_outside(key: bytes, prefix: bytes) -> None:
    found = meaning(prefix + key, prefix, 1)
    if isinstance(found, File):
        assert prefix + joined(found.directory, found.name) == prefix + key
        assert not {b"", b".", b".."} & set(joined(found.directory, found.name).split(b"/"))


@pytest.mark.parametrize("size", [-1, 1 << 63, 10**30])
def test_a_size_that_no_file_has_fails_the_listing(size: int) -> None:
    with pytest.raises(SourceUnavailable, match=f"in/a has {size} bytes"):
        list(pieces([(b"in/a", Observation(size, 0, 0, "token"))], b"in/"))


def test_a_time_is_exact_and_within_what_a_ledger_holds() -> None:
    moment = datetime(2025, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
    assert nanoseconds(moment) == 1_738_367_999_123_456_000
    assert nanoseconds(moment.astimezone(timezone(timedelta(hours=9)))) == nanoseconds(moment)
    assert nanoseconds(moment.replace(tzinfo=None)) == nanoseconds(moment)  # whatever this machine's zone is
    assert nanoseconds(datetime(1, 1, 1, tzinfo=UTC)) == -((1 << 63) - 1)  # what Go has where no time is known
    assert nanoseconds(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))) == -((1 << 63) - 1)
    assert nanoseconds(datetime.max.replace(tzinfo=UTC)) == (1 << 63) - 1
