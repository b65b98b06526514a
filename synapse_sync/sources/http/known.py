"""What files were when they were last asked for, so that each poll asks for those alone that may be others now.

A list's line tells minutes and rounded sizes: what a file was is kept only once the minute of its time was over by the
server's own clock, so that every later change makes another line; and only what was asked twice counts. One that was
put there with the time of another may have its line as well: each file is asked again every now and then (TURNS).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from synapse_sync.records import Observation
from synapse_sync.sources.web.validators import SECOND, moment_of

MOST = 50_000
"""Files that are known at most, some 15 MB; others are asked for in each poll."""

PASSED = 120 * SECOND
"""Since when it must not have changed: a minute that has begun, and a clock that is read twice."""

TURNS = 16
"""Listings, in one of which each file is asked for, whatever its line."""

_TIME = re.compile(r"\d{1,2}:\d{2}")


def may_be_kept(line: str, observed: Observation, told: Mapping[str, str]) -> bool:
    """Whether a file that has such a line and such headers is the same as long as its line is."""
    now = moment_of(told.get("date", ""))
    return bool(_TIME.search(line)) and 0 < observed.mtime_ns <= now - PASSED


class _Kept(NamedTuple):
    line: bytes
    observed: Observation
    twice: bool


class Known:
    """For one listing at a time to write, from several threads, and for readers who forget."""

    def __init__(self) -> None:
        self._before: dict[bytes, _Kept] = {}
        self._now: dict[bytes, _Kept] = {}
        self._turn = 0

    def begins(self) -> None:
        """Another listing."""
        self._now = {}
        self._turn = (self._turn + 1) % TURNS

    def ends(self) -> None:
        """It came to its end: what it did not name is there no more."""
        self._before = self._now

    def get(self, path: bytes, line: str) -> Observation | None:
        """What a file was when it had this line; None if it is to be asked for."""
        key = _short(path)
        kept = self._before.get(key)
        if kept is None or not kept.twice or kept.line != _line(line) or key[0] % TURNS == self._turn:
            return None
        self._keep(key, kept)
        return kept.observed

    def put(self, path: bytes, line: str, observed: Observation) -> None:
        """What it is now."""
        key = _short(path)
        before = self._before.get(key)
        now = _Kept(_line(line), observed, twice=before is not None and before[:2] == (_line(line), observed))
        self._keep(key, now)

    def forget(self, path: bytes) -> None:
        """It is another file, whatever its line says."""
        self._before.pop(_short(path), None)
        self._now.pop(_short(path), None)

    def _keep(self, key: bytes, kept: _Kept) -> None:
        if len(self._now) < MOST:
            self._now[key] = kept


def _line(line: str) -> bytes:
    return _short(line.encode("utf-8", "surrogateescape"))


def _short(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()
