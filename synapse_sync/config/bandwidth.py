"""`upload.bandwidth_limit` as a person types it: "20MB/s", or "Mon-Fri 08:00-18:00 5MB/s, Sat 1MB/s, else unlimited".

Text enters, a Timetable leaves, and the way back for printing. Pure. Errors are ValueErrors that name the character of
the fault and show what is valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from synapse_sync.config.quantities import RATE, format_rate, parse_rate
from synapse_sync.config.timetable import WHOLE_DAY, Timetable, Window

LOWEST = 10_000
"""Bytes per second, at which 64 KiB take 7 s; servers and proxies give up connections that are silent for too long."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = f"({'|'.join(_DAYS)})"
_SOME_DAYS = f"{_DAY}(-{_DAY})?"
_TIME = "([01]?[0-9]|2[0-3]):[0-5][0-9]"
_HOURS = f"{_TIME}-({_TIME}|24:00)"
_LIMIT = f"(unlimited|{RATE})"
_WINDOW = f"({_SOME_DAYS} +{_LIMIT}|({_SOME_DAYS} +)?{_HOURS} +{_LIMIT})"
_PATTERN = f"^ *(0|{_LIMIT}|({_WINDOW} *, *)*else +{_LIMIT}) *$"
_WHEN = re.compile(f"(?:(?P<days>{_SOME_DAYS}) +)?(?:(?P<hours>{_HOURS}) +)?")
_ELSE = re.compile("else +")
_VALID = 'write "20MB/s", "08:00-18:00 5MB/s, else unlimited" or "Mon-Fri 22:00-06:00 unlimited, Sat 1MB/s, else 2MB/s"'


def parse_timetable(value: object) -> Timetable:
    """The timetable that a text means; 0 is no limit, as elsewhere. Raises ValueError."""
    text = "0" if value == 0 and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError(f"{value} is no limit; {_VALID}")  # noqa: TRY004 - pydantic wants ValueErrors
    if text.strip(" ") == "0":
        return Timetable((), None)
    *parts, (at, last) = _parts(text)
    windows = tuple(_window(text, at, part) for at, part in parts)
    otherwise = _ELSE.match(last)
    if otherwise or not (parts or _when_in(last)[0]):
        begin = len(otherwise[0]) if otherwise else 0
        return Timetable(windows, _limit(text, at + begin, last[begin:]))
    _window(text, at, last)
    raise ValueError(f'"{text}" says nothing about other times; add what counts then: {text}, else unlimited')


def format_timetable(timetable: Timetable) -> str:
    """The text that parse_timetable reads back as exactly this timetable."""
    windows = [f"{_when_text(each)} {_limit_text(each.limit)}" for each in timetable.windows]
    return ", ".join([*windows, ("else " if windows else "") + _limit_text(timetable.otherwise)])


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """What stands between commas, without the spaces around it, and where it begins."""
    at = 0
    for part in text.split(","):
        yield at + len(part) - len(part.lstrip(" ")), part.strip(" ")
        at += len(part) + 1


def _window(text: str, at: int, part: str) -> Window:
    when = _when_in(part)
    if not when[0]:
        raise _fault(text, at, part)
    limit = _limit(text, at + when.end(), part[when.end() :])
    days, hours = when["days"], WHOLE_DAY
    if when["hours"]:
        begin, end = (int(time[:-3]) * 60 + int(time[-2:]) for time in when["hours"].split("-"))
        if begin == end:
            raise ValueError(f'"{text}": {when["hours"]} at character {at + when.start("hours") + 1} lasts no time')
        hours = (begin, end)
    return Window((_DAYS.index(days[:3]), _DAYS.index(days[-3:])) if days else None, hours, limit)


def _when_in(part: str) -> re.Match[str]:
    when = _WHEN.match(part)
    assert when is not None  # it matches nothing at least
    return when


def _limit(text: str, at: int, limit: str) -> int | None:
    if limit == "unlimited":
        return None
    if not re.fullmatch(RATE, limit):
        raise _fault(text, at, limit)
    rate = parse_rate(limit)
    if rate < LOWEST:
        raise ValueError(f'"{text}": {limit} at character {at + 1} is too slow; the lowest limit is 10KB/s')
    return rate


def _fault(text: str, at: int, rest: str) -> ValueError:
    found = f'"{rest}"' if rest else "something is missing"
    return ValueError(f'"{text}" can\'t be read from character {at + 1} on: {found}; {_VALID}')


def _when_text(window: Window) -> str:
    begin, end = window.hours
    hours = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    if window.days is None:
        return hours
    days = "-".join(_DAYS[day] for day in dict.fromkeys(window.days))
    return days if window.hours == WHOLE_DAY else f"{days} {hours}"


def _limit_text(limit: int | None) -> str:
    return "unlimited" if limit is None else format_rate(limit)


BandwidthLimit = Annotated[
    Timetable,
    PlainValidator(parse_timetable),
    PlainSerializer(format_timetable, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["20MB/s"]}),
]
"""A Timetable; text in the file."""
