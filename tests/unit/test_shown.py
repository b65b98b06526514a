"""Names as text and back: distinct names stay distinct, and the way back is exact."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.shown import joined, raw, shown, shown_name

# Pieces that escapes are made of, so that near misses are common among the generated names.
_pieces = st.sampled_from(
    rb"% 25 %25 %C3 %ff C 3 8 F / a".split()
    + "é 각 🙂 \n".encode().split(b" ")
    + [b"\xff", b"\xc3", b"\xa9", b"\xed\xa0\x80"]
)
paths = st.lists(_pieces | st.binary(max_size=3), max_size=9).map(b"".join)


@given(paths)
def test_the_way_back_is_exact(path: bytes) -> None:
    assert raw(shown(path)) == path


@given(paths, paths)
def test_two_names_never_look_the_same(one: bytes, other: bytes) -> None:
    assert (shown(one) == shown(other)) == (one == other)


@given(paths)
def test_the_text_is_valid_unicode_for_json_and_sqlite(path: bytes) -> None:
    assert json.loads(json.dumps(shown(path)).encode()) == shown(path)


@given(st.text(alphabet=st.characters(exclude_characters="%", exclude_categories=["Cs"])))
def test_text_without_a_percent_sign_is_shown_as_it_is(text: str) -> None:
    assert shown(text.encode()) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"100%/a.png", "100%/a.png"),
        (b"%zz/%f/%25", "%zz/%f/%25"),
        (b"caf\xe9/50%.png", "caf%E9/50%.png"),
        (b"caf\xe9 50%.png", "caf%E9 50%25.png"),
        (b"caf%E9.png", "caf%25E9.png"),
        (b"caf%25E9.png", "caf%2525E9.png"),
        (b"%C3%A9 50%", "%25C3%25A9 50%25"),
    ],
)
def test_only_parts_that_hold_or_resemble_an_escape_are_escaped(path: bytes, text: str) -> None:
    assert shown(path) == text
    assert raw(text) == path


def test_a_path_as_the_command_line_hands_it_over_is_understood() -> None:
    """Python decodes arguments with surrogateescape; such a text finds its file too."""
    assert raw(b"caf\xe9.png".decode(errors="surrogateescape")) == b"caf\xe9.png"


def test_a_file_of_the_root_has_no_folder_in_its_path() -> None:
    assert joined(b"", b"caf\xe9") == b"caf\xe9"
    assert joined(b"d/e", b"caf\xe9") == b"d/e/caf\xe9"
    assert shown_name(b"d/e", b"caf\xe9") == "d/e/caf%E9"
