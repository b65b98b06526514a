"""Paths relative to a root: what lies within what."""

from __future__ import annotations

import pytest

from synapse_sync.watching.folders import parent, within


@pytest.mark.parametrize(
    ("folder", "tops", "is_within"),
    [
        (b"a", {b"a"}, True),
        (b"a/b/c", {b"a"}, True),
        (b"ab", {b"a"}, False),
        (b"a", {b"a/b"}, False),
        (b"a", {b""}, True),
        (b"", {b""}, True),
        (b"", {b"a"}, False),
        (b"a/b", set(), False),
    ],
)
def test_a_folder_is_within_itself_and_all_above_it(folder: bytes, tops: set[bytes], is_within: bool) -> None:
    assert within(folder, tops) == is_within


@pytest.mark.parametrize(("folder", "above"), [(b"a/b/c", b"a/b"), (b"a", b""), (b"", b"")])
def test_the_folder_that_one_is_in(folder: bytes, above: bytes) -> None:
    assert parent(folder) == above
