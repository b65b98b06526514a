"""Which file of one unit fills which spec, and what stands in the way. Never guesses: what is not certain is a problem.

* A file with one candidate spec fills it, if no other file does.
* A file with several candidates fills the only one that is left when those are taken away that a type folder gives to
  other files (`mask/a.png` beside `a.png`); otherwise it is a problem that names the candidates.
* Two files for one spec are a problem that names both, or the newest goes where the feed says so.
* An empty file counts as missing, with that reason, unless a person said that it goes as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from synapse_sync.grouping.matching import Evidence
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.pairing import Placed

NAMED_AT_MOST = 3  # paths in one message: two DICOM files are both named, a series of 300 is counted


class Assignment(NamedTuple):
    """What the files of one unit are for.

    files: spec -> id of the one file that fills it; problem: "" or why a person is needed; empty: spec -> paths;
    older: id -> why a file that competed with a newer one is left out.
    """

    files: Mapping[str, int]
    problem: str
    empty: Mapping[str, Sequence[str]]
    older: Mapping[int, str]


def assign(files: Sequence[Placed], *, newest: bool = False) -> Assignment:
    """Give the files of one unit to specs. The files are in a fixed order (pairing.pair), so messages are too.

    newest: of several files for one spec the one that was modified last goes.
    """
    certain = {
        placed.place.specs[0]
        for placed in files
        if placed.place.evidence is Evidence.FOLDER and len(placed.place.specs) == 1
    }
    claims: dict[tuple[str, ...], list[Member]] = {}
    empty: dict[str, list[str]] = {}
    for placed in files:
        candidates = _narrowed(placed.place.specs, certain)
        if not placed.member.empty:
            claims.setdefault(candidates, []).append(placed.member)
            continue
        for spec in candidates:
            empty.setdefault(spec, []).append(placed.member.path)
    older = _reduce_to_newest(claims) if newest else {}
    chosen = {specs[0]: found[0].id for specs, found in claims.items() if len(specs) == 1 and len(found) == 1}
    problems = [
        _problem(specs, [member.path for member in found])
        for specs, found in sorted(claims.items())
        if len(specs) > 1 or len(found) > 1
    ]
    return Assignment(chosen, "; ".join(problems), empty, older)


def _reduce_to_newest(claims: dict[tuple[str, ...], list[Member]]) -> dict[int, str]:
    """Leave the newest of several files for one spec (of equal times, the last path); the others, with the reason."""
    older = {}
    for specs, found in claims.items():
        if len(specs) == 1 and len(found) > 1:
            last = max(found, key=lambda member: (member.mtime_ns, member.path))
            reason = f'{last.path} is newer and fills {specs[0]} (on_ambiguous = "newest")'
            older.update({member.id: f"{member.path}: {reason}" for member in found if member is not last})
            claims[specs] = [last]
    return older


def _narrowed(candidates: tuple[str, ...], certain: set[str]) -> tuple[str, ...]:
    """The only candidate that no type folder gives to another file, if there is exactly one; else all candidates."""
    if len(candidates) == 1:
        return candidates
    left = tuple(spec for spec in candidates if spec not in certain)
    return left if len(left) == 1 else candidates


def _problem(specs: Sequence[str], paths: Sequence[str]) -> str:
    """Files that compete for one spec, or that could fill several, in words."""
    if len(specs) == 1:
        return f"{len(paths)} files for {specs[0]}: {_named(paths)}"
    each = "could be" if len(paths) == 1 else "could each be"
    return f"{_named(paths)} {each} {' or '.join(specs)}: neither folder nor extension decides"


def _named(paths: Sequence[str]) -> str:
    """The paths, or the first few and a count; says so where two look alike and differ in their Unicode form."""
    more = len(paths) - NAMED_AT_MOST
    words = " and ".join(paths) if len(paths) == 2 else ", ".join(paths[:NAMED_AT_MOST])
    if more > 0:
        words += f" and {more:,} more"
    if len({unicodedata.normalize("NFC", path) for path in paths}) < len(paths):
        words += " (one name in two Unicode forms)"
    return words
