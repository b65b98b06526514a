"""What a check has found, and what it means for the exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]

AREAS = {
    "config": 2,
    "token": 2,
    "server": 3,
    "clock": 3,
    "collection": 1,
    "storage": 3,
    "folder": 1,
    "names": 1,
    "watching": 1,
    "ledger": 4,
    "disk": 4,
    "machine": 4,
    "service": 4,
}
"""What is looked at, in this order, with the exit code of a problem there: what a command that needs it ends with."""


class Finding(NamedTuple):
    """One line of the report.

    area: one of AREAS. name: which check, the same in every version. words: what was found. remedy: the command or the
    line of the config that repairs it, "" where nothing is to be repaired. feed: whose it is, "" if it concerns all.
    """

    area: str
    name: str
    level: Level
    words: str
    remedy: str = ""
    feed: str = ""


def well(area: str, name: str, words: str, feed: str = "") -> Finding:
    """Something is as it should be."""
    return Finding(area, name, "ok", words, "", feed)


def warning(area: str, name: str, words: str, remedy: str, feed: str = "") -> Finding:
    """Something works, but not as well as it might, or not for long."""
    return Finding(area, name, "warning", words, remedy, feed)


def problem(area: str, name: str, words: str, remedy: str, feed: str = "") -> Finding:
    """Something does not work."""
    return Finding(area, name, "problem", words, remedy, feed)


def exit_code(findings: Iterable[Finding]) -> int:
    """The worst of the problems' exit codes; 0 if there are none, warnings or not."""
    return max((AREAS[finding.area] for finding in findings if finding.level == "problem"), default=0)
