"""Bandwidth by the clock: what a text means at each moment, the way back, and what is said where it means nothing."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import Config, loads
from synapse_sync.config.bandwidth import LOWEST, format_timetable, parse_timetable
from synapse_sync.config.timetable import Timetable, Window
from synapse_sync.errors import ConfigError

MONDAY = datetime(2024, 1, 1)
MB = 1_000_000
PATTERN = Config.model_json_schema()["$defs"]["Upload"]["properties"]["bandwidth_limit"]["anyOf"][0]["pattern"]

limits = st.none() | st.integers(LOWEST, 10**12)
days = st.tuples(st.integers(0, 6), st.integers(0, 6))
hours = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda pair: pair[0] != pair[1])
windows = st.builds(Window, st.none() | days, hours, limits)
timetables = st.builds(Timetable, st.lists(windows, max_size=4).map(tuple), limits)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2024, 1, 15))


def at(text: str, day: int, time: str) -> int | None:
    hour, minute = time.split(":")
    return parse_timetable(text).at(MONDAY + timedelta(days=day, hours=int(hour), minutes=int(minute)))


def accepted(text: str) -> bool:
    try:
        parse_timetable(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "day", "time", "limit"),
    [
        ("20MB/s", 3, "12:00", 20 * MB),
        ("unlimited", 3, "12:00", None),
        ("0", 3, "12:00", None),
        ("08:00-18:00 5MB/s, else unlimited", 0, "07:59", None),
        ("08:00-18:00 5MB/s, else unlimited", 0, "08:00", 5 * MB),
        ("8:00-18:00 5MB/s, else unlimited", 0, "17:59", 5 * MB),
        ("08:00-18:00 5MB/s, else unlimited", 0, "18:00", None),
        ("22:00-06:00 unlimited, else 2MB/s", 0, "23:00", None),
        ("22:00-06:00 unlimited, else 2MB/s", 0, "05:59", None),
        ("22:00-06:00 unlimited, else 2MB/s", 0, "06:00", 2 * MB),
        ("18:00-24:00 1MB/s, else unlimited", 6, "23:59", MB),
        ("18:00-24:00 1MB/s, else unlimited", 6, "00:00", None),
        ("Mon-Fri 08:00-18:00 5MB/s, Sat 1MB/s, else unlimited", 4, "12:00", 5 * MB),
        ("Mon-Fri 08:00-18:00 5MB/s, Sat 1MB/s, else unlimited", 5, "00:00", MB),
        ("Mon-Fri 08:00-18:00 5MB/s, Sat 1MB/s, else unlimited", 6, "12:00", None),
        ("Fri-Mon 1MB/s, else unlimited", 0, "12:00", MB),
        ("Fri-Mon 1MB/s, else unlimited", 3, "12:00", None),
    ],
)
def test_the_limit_at_a_moment(text: str, day: int, time: str, limit: int | None) -> None:
    assert at(text, day, time) == limit


def test_the_hours_after_midnight_belong_to_the_day_on_which_they_began() -> None:
    text = "Fri 22:00-06:00 unlimited, else 2MB/s"
    assert [at(text, day, "03:00") for day in range(7)] == [2 * MB] * 5 + [None, 2 * MB]


def test_the_first_window_that_fits_counts() -> None:
    text = "08:00-12:00 1MB/s, 10:00-14:00 2MB/s, else 3MB/s"
    assert [at(text, 0, time) for time in ("09:00", "11:00", "13:00", "15:00")] == [MB, MB, 2 * MB, 3 * MB]


@given(timetables)
def test_every_timetable_survives_being_written_and_fits_the_schema(timetable: Timetable) -> None:
    assert parse_timetable(format_timetable(timetable)) == timetable
    assert re.search(PATTERN, format_timetable(timetable))


@given(timetables, moments)
def test_a_week_later_the_same_limit_holds(timetable: Timetable, moment: datetime) -> None:
    assert timetable.at(moment) == timetable.at(moment + timedelta(days=7))


@given(st.from_regex(PATTERN, fullmatch=True).filter(lambda text: "\n" not in text))
def test_what_the_schema_lets_through_is_read_or_is_refused_for_what_no_pattern_can_say(text: str) -> None:
    words = ""
    try:
        parse_timetable(text)
    except ValueError as error:
        words = str(error)
    assert re.search("^$|lasts no time|is too slow|whole number of bytes", words)


@given(
    st.lists(
        st.sampled_from(["08:00-18:00", "Mon", "Mon-Fri", "else", "unlimited", "5MB/s", "5MB", ",", " ", "0", "24:00"]),
        max_size=9,
    ).map("".join)
)
def test_what_is_read_fits_the_schema(text: str) -> None:
    assert not accepted(text) or re.search(PATTERN, text)


@pytest.mark.parametrize(
    ("text", "character", "found"),
    [
        ("5MB", 1, '"5MB"'),
        ("", 1, "something is missing"),
        ("20Mb/s", 1, '"20Mb/s"'),
        ("08:00-18:00 5MB, else unlimited", 13, '"5MB"'),
        ("08:00-25:00 5MB/s, else unlimited", 1, '"08:00-25:00 5MB/s"'),
        ("Mon-Fri 08:00-18:00 5MB/s, Son 1MB/s, else unlimited", 28, '"Son 1MB/s"'),
        ("Mon-Fri 8-18 5MB/s, else unlimited", 9, '"8-18 5MB/s"'),
        ("08:00-18:00 5MB/s, , else unlimited", 20, "something is missing"),
        ("08:00-18:00 5MB/s, else", 20, '"else"'),
        ("08:00-18:00 5MB/s, else fast", 25, '"fast"'),
        ("else 5MB/s, 08:00-18:00 1MB/s", 1, '"else 5MB/s"'),
        ("5MB/s, 1MB/s", 1, '"5MB/s"'),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_is_valid(text: str, character: int, found: str) -> None:
    with pytest.raises(ValueError, match="08:00-18:00 5MB/s, else unlimited") as refused:
        parse_timetable(text)
    assert f"from character {character} on: {found}; write " in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("08:00-18:00 5MB/s", "says nothing about other times"),
        ("Sat 5MB/s", "Sat 5MB/s, else unlimited"),
        ("Mon 08:00-08:00 5MB/s, else unlimited", "08:00-08:00 at character 5 lasts no time"),
        ("08:00-18:00 0B/s, else unlimited", "0B/s at character 13 is too slow; the lowest limit is 10KB/s"),
        ("9KB/s", "the lowest limit is 10KB/s"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_timetable(text)


@pytest.mark.parametrize("value", [20, 1.5, True, False, ["20MB/s"]])
def test_only_text_and_0_are_limits(value: object) -> None:
    with pytest.raises(ValueError, match="is no limit; write "):
        parse_timetable(value)


def config(limit: str) -> Config:
    feed = '[[feeds]]\nname = "a"\ndata_collection = 1\npath = "/a"\n'
    return loads(f'upload.bandwidth_limit = "{limit}"\n{feed}', Path("/conf/config.toml"))


def test_it_stands_in_the_config_and_is_shown_as_it_was_written() -> None:
    text = "Mon-Fri 08:00-18:00 5MB/s, else unlimited"
    upload = config(text).upload
    assert upload.bandwidth_limit == parse_timetable(text)
    assert json.loads(upload.model_dump_json())["bandwidth_limit"] == text
    jsonschema.validate({"upload": {"bandwidth_limit": text}, "feeds": []}, Config.model_json_schema())


def test_a_fault_in_the_config_is_told_once_and_with_its_key() -> None:
    with pytest.raises(ConfigError) as refused:
        config("20Mb/s")
    (problem,) = refused.value.problems
    assert "upload.bandwidth_limit: " in problem
