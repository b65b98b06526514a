"""The units that the present files of one bucket make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synapse_sync.grouping.assignment import Assignment, assign
from synapse_sync.grouping.pairing import Party, Placed, pair
from synapse_sync.records import Spec


@dataclass(frozen=True, slots=True)
class Draft:
    """One unit as the present files make it.

    Every required spec is in files or in missing, every optional one in files or in optional_missing, and in unfilled
    where there is an empty file for it; why_missing has the reason where more is known than that there is no such file.
    problem is "" or why a person is needed. members are the ids of all files of the unit, chosen or not, sorted;
    left_out gives, for those that a complete unit would go without, the reason.
    """

    key: str
    files: Mapping[str, int]
    missing: tuple[str, ...]
    optional_missing: tuple[str, ...]
    problem: str
    members: tuple[int, ...]
    left_out: Mapping[int, str]
    why_missing: Mapping[str, str] = field(default_factory=dict)
    unfilled: tuple[str, ...] = ()

    def lacks(self) -> str:
        """What the unit can't be without and has not, in words: "image_1, label_1 (a.json is empty)"; else ""."""
        if self.files or self.missing:
            return self.named(self.missing)
        return "a file for any of " + self.named(self.optional_missing)

    def named(self, specs: Sequence[str]) -> str:
        """These missing specs with what is known of them."""
        return ", ".join(map(self._lack, specs))

    def _lack(self, spec: str) -> str:
        reason = self.why_missing.get(spec)
        return f"{spec} ({reason})" if reason else spec


def assemble(bucket: Sequence[Placed], specs: Sequence[Spec], *, newest: bool = False) -> list[Draft]:
    """The units of one bucket, sorted by key; the order of the files makes no difference.

    newest: what the feed's on_ambiguous says of several files for one spec.
    All have the same bucket by a layout that was made for these specs; each is in exactly one draft.
    """
    assert len({placed.place.bucket for placed in bucket}) <= 1, "members of several buckets"
    return sorted((_draft(party, specs, newest) for party in pair(bucket)), key=lambda draft: draft.key)


def _draft(party: Party, specs: Sequence[Spec], newest: bool) -> Draft:
    """One party's unit."""
    assignment = assign(party.files, newest=newest)
    missing = [spec for spec in specs if spec.name not in assignment.files]
    required = tuple(spec.name for spec in missing if spec.required)
    optional = tuple(spec.name for spec in missing if not spec.required)
    return Draft(
        key=_key(party, specs),
        files=assignment.files,
        missing=required,
        optional_missing=optional,
        problem=assignment.problem,
        members=tuple(sorted(placed.member.id for placed in party.files)),
        left_out={**_left_out(party, required), **assignment.older},
        why_missing=_why_missing(party, assignment, [spec.name for spec in missing]),
        unfilled=tuple(spec for spec in optional if spec in assignment.empty),
    )


def _key(party: Party, specs: Sequence[Spec]) -> str:
    """The key of the file for the first required spec, else for the first spec.

    Required ones first, because only these are certain to be there when the unit is sent: its key then stays.
    """
    keys = {placed.place.key for placed in party.files}
    if len(keys) == 1:
        return keys.pop()
    ranked = sorted(specs, key=lambda spec: not spec.required)
    rank = {spec.name: position for position, spec in enumerate(ranked)}
    return min((min(rank[spec] for spec in placed.place.specs), placed.place.key) for placed in party.files)[1]


def _left_out(party: Party, required: Sequence[str]) -> dict[int, str]:
    """Empty files, but for those whose lack keeps the unit from being complete."""
    return {
        placed.member.id: f"{placed.member.path} is empty"
        for placed in party.files
        if placed.member.empty and not set(placed.place.specs).intersection(required)
    }


def _why_missing(party: Party, assignment: Assignment, missing: Sequence[str]) -> dict[str, str]:
    """For missing specs: the empty file, or files that would do but could as well belong to another unit."""
    if not party.rivals and not assignment.empty:
        return {}
    reasons = {}
    for spec in missing:
        rivals = [placed.member.path for placed in party.rivals if spec in placed.place.specs]
        if empty := assignment.empty.get(spec):
            reasons[spec] = ", ".join(f"{path} is empty" for path in empty)
        elif rivals:
            reasons[spec] = f"{', '.join(rivals)}: the case of the name differs, and it is not the only such name"
    return reasons
