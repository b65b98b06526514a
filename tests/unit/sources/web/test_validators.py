"""What a web server says by which a change of a file is told."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.records import Observation
from synapse_sync.sources.web.addresses import name_in, path_of
from synapse_sync.sources.web.validators import SECOND, condition, is_same, moment_of, observation, size_of, strong

NOON = "Sun, 01 Mar 2026 12:00:00 GMT"
AT_NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("etag", "meant"),
    [
        *(('"a-1"', '"a-1"'), ("a-1", '"a-1"'), (' "a" ', '"a"'), ('W/"a"', ""), ("W/a", ""), ("", ""), ('""', "")),
        *(('"a b"', ""), ('"a\r\nX: y"', ""), ('"a', ""), ('"' + "a" * 257 + '"', ""), ('"é"', "")),
    ],
)
def test_a_weak_etag_and_what_is_none_prove_nothing(etag: str, meant: str) -> None:
    assert strong(etag) == meant


def test_a_file_of_which_a_change_could_not_be_told_is_not_observed() -> None:
    assert observation("1", NOON, '"a"') == Observation(1, AT_NOON, 0, '"a"')
    assert observation("1", NOON, 'W/"a"') == Observation(1, AT_NOON, 0, "")
    assert observation("1", "", '"a"') == Observation(1, 0, 0, '"a"')
    assert observation("1", "yesterday", 'W/"a"') is None
    assert observation("", NOON, '"a"') is None
    assert observation("-1", NOON, '"a"') is None
    assert observation("１", NOON, '"a"') is None


@given(st.text())
def test_no_text_is_a_time_or_a_size_that_can_not_be_kept(text: str) -> None:
    assert -(1 << 63) < moment_of(text) < 1 << 63
    assert 0 <= (size_of(text) or 0) < 1 << 63


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_time_is_asked_for_as_it_was_told(moment: datetime) -> None:
    told = format_datetime(moment, usegmt=True)
    observed = observation("1", told, "")
    assert observed is not None
    assert condition(observed) == {"If-Unmodified-Since": told}
    assert is_same(observed, {"last-modified": told})


def test_an_answer_is_about_the_file_unless_it_says_otherwise() -> None:
    observed = Observation(1, AT_NOON, 0, '"a"')
    assert condition(observed) == {"If-Match": '"a"'}
    assert is_same(observed, {"etag": '"a"', "last-modified": "another time"})
    assert not is_same(observed, {"etag": '"b"', "last-modified": NOON})
    assert is_same(observed, {"etag": 'W/"b"', "last-modified": NOON})
    assert not is_same(observed, {"last-modified": "Sun, 01 Mar 2026 12:00:01 GMT"})
    assert is_same(observed, {})  # what it is is asked when it was read


@pytest.mark.parametrize(
    ("href", "path"),
    [
        *(("/a/b%20c/", b"/a/b c"), ("http://inside:8080/a%2Fb", b"/a/b"), ("//inside/a", b"/a"), ("https://x", b"")),
        *(("/a?b#c", b"/a?b#c"), ("/a%zz", b"/a%zz"), ("/\uc2a4", "/\uc2a4".encode()), ("/%FF", b"/\xff")),
    ],
)
def test_of_an_address_the_path_counts(href: str, path: bytes) -> None:
    assert path_of(href) == path


@given(st.binary(), st.binary())
def test_a_name_is_in_its_folder_alone(folder: bytes, path: bytes) -> None:
    name = name_in(folder, path)
    above = folder.removesuffix(b"/")
    assert name is None or path == (above + b"/" + name if name else above) or path == above + b"/"
