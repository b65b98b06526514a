"""Durations, sizes and rates: what is valid, what it comes to, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config.quantities import (
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("5m", 300),
        ("6h", 21600),
        ("1d", 86400),
        ("1.5h", 5400),
        ("0s", 0),
        ("0", 0),
        (0, 0),
    ],
)
def test_a_duration_is_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10 minutes", "-1s", "1h30m", "1S", "١s", " 1s", "1e3s", 30, 1.5, True, None]
)
def test_what_is_no_duration_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match='"10s", "5m", "6h", "1d"'):
        parse_duration(text)


def test_a_duration_over_a_hundred_years_is_refused() -> None:
    with pytest.raises(ValueError, match="36500d"):
        parse_duration("40000d")


@given(st.floats(min_value=0, max_value=36500 * 86400))
def test_every_duration_survives_being_written(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_durations_are_written_in_their_largest_whole_unit() -> None:
    assert [format_duration(each) for each in (0.0, 0.25, 30.0, 90.0, 3600.0, 86400.0, 15552000.0)] == [
        "0",
        "250ms",
        "30s",
        "90s",
        "1h",
        "1d",
        "180d",
    ]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("9KB", 9000),
        ("9kB", 9000),
        ("50MiB", 52428800),
        ("200MB", 200_000_000),
        ("1.5KiB", 1536),
        ("7B", 7),
        ("0", 0),
        (0, 0),
    ],
)
def test_a_size_is_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "50", "50M", "50mb", "50Mb", "-1KB", "MB", 50, False])
def test_what_is_no_size_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match='"9KB", "50MiB", "200MB", "2GiB"'):
        parse_size(text)


def test_part_of_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size("0.5B")


@given(st.integers(min_value=0, max_value=10**15))
def test_every_size_survives_being_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(min_value=0, max_value=10**12))
def test_every_rate_survives_being_written(rate: int) -> None:
    assert parse_rate(format_rate(rate)) == rate


def test_a_rate_is_bytes_per_second() -> None:
    assert parse_rate("20MB/s") == 20_000_000


@pytest.mark.parametrize("text", ["20MB", "20/s", "20 MB / s", 20])
def test_what_is_no_rate_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match='"20MB/s", "500KB/s"'):
        parse_rate(text)
