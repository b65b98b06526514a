"""Which files of one bucket share a unit: those with equal keys, and twins in case where nothing else is possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from synapse_sync.grouping.members import Member
from synapse_sync.grouping.places import Place


class Placed(NamedTuple):
    """A file and its place."""

    member: Member
    place: Place


class Party(NamedTuple):
    """The files of one unit; rivals are files that differ in case only and could belong to it or to another."""

    files: tuple[Placed, ...]
    rivals: tuple[Placed, ...] = ()


Groups = Mapping[str, Sequence[Placed]]


def pair(bucket: Sequence[Placed]) -> list[Party]:
    """The bucket's files as parties, each file in exactly one; the order of the files makes no difference.

    Stems pair exactly after NFC; case-insensitively only where no exact partner and exactly one candidate exists
    (design). So groups of equal keys join only if one of them is a single file, no spec is wanted by both, and neither
    could join any group outside: where a file has a choice, nothing is joined and the choice is told as rivals.
    """
    if len(bucket) == 1:
        return [Party(tuple(bucket))]
    groups: dict[str, list[Placed]] = {}
    for placed in sorted(bucket, key=lambda placed: (placed.place.key, placed.member.path, placed.member.id)):
        groups.setdefault(placed.place.key, []).append(placed)
    if len(groups) == 1:
        return [Party(tuple(files)) for files in groups.values()]
    partners = _partners(groups)
    parties = []
    done: set[str] = set()
    for key in groups:
        if key in done:
            continue
        joined = {key, *partners[key]}
        if all({other, *partners[other]} == joined for other in joined):
            done |= joined
            parties.append(Party(tuple(placed for name in sorted(joined) for placed in groups[name])))
        else:
            rivals = tuple(placed for name in sorted(partners[key]) for placed in groups[name])
            parties.append(Party(tuple(groups[key]), rivals))
    return parties


def _partners(groups: Groups) -> dict[str, set[str]]:
    """For each key the other keys of the bucket whose files could complete it."""
    wanted = {key: {spec for placed in files for spec in placed.place.specs} for key, files in groups.items()}

    def fit(one: str, other: str) -> bool:
        return (len(groups[one]) == 1 or len(groups[other]) == 1) and wanted[one].isdisjoint(wanted[other])

    return {one: {other for other in groups if other != one and fit(one, other)} for one in groups}
