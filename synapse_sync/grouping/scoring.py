"""How well one layout explains one sample of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synapse_sync.grouping.assemble import Draft, assemble
from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.metadata_files import MetadataFiles, WithMetadata
from synapse_sync.grouping.pairing import Placed
from synapse_sync.grouping.places import Choice
from synapse_sync.records import Spec

Partition = frozenset[frozenset[tuple[str, int]]]
"""Complete units as sets of (spec, file id): what two layouts must share to count as one."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a layout makes of a sample.

    files counts the sample's files without metadata; in_units those of complete, unambiguous units. lacking counts the
    incomplete units by the required specs that they lack, filled all units by the specs that they have; problem is an
    example of the ambiguities.
    """

    choice: Choice
    files: int
    in_units: int
    partition: Partition
    unmatched: int
    unmatched_reason: str
    ambiguous: int
    problem: str
    lacking: Mapping[str, int]
    filled: Mapping[str, int]

    @property
    def explained(self) -> float:
        """The share of the files that are in complete, unambiguous units, 0 to 1."""
        return self.in_units / self.files if self.files else 0.0

    @property
    def units(self) -> int:
        """How many complete, unambiguous units there are."""
        return len(self.partition)


def score(choice: Choice, sample: Sequence[Member], specs: Sequence[Spec], metadata: MetadataFiles) -> Score:
    """Group the sample by this choice and count what comes out."""
    layout = WithMetadata(layout_for(choice, specs), metadata)
    buckets: dict[str, list[Placed]] = {}
    asides = Counter[str]()
    unmatched_reason = ""
    for member in sample:
        place = layout.place(member.asset, member.path, member.kinds)
        if place.aside:
            asides[place.aside] += 1
            if place.aside == "unmatched" and not unmatched_reason:
                unmatched_reason = f"{member.path}: {place.reason}"
        else:
            buckets.setdefault(place.bucket, []).append(Placed(member, place))
    drafts = [draft for bucket in buckets.values() for draft in assemble(bucket, specs)]
    whole = [draft for draft in drafts if _is_whole(draft)]
    problems = [draft.problem for draft in drafts if draft.problem]
    return Score(
        choice=choice,
        files=len(sample) - asides["metadata"],
        in_units=sum(len(draft.members) for draft in whole),
        partition=frozenset(frozenset(draft.files.items()) for draft in whole),
        unmatched=asides["unmatched"],
        unmatched_reason=unmatched_reason,
        ambiguous=len(problems),
        problem=min(problems, default=""),
        lacking=Counter(spec for draft in drafts if not draft.problem for spec in draft.missing),
        filled=Counter(spec for draft in drafts for spec in draft.files),
    )


def _is_whole(draft: Draft) -> bool:
    return not draft.problem and not draft.lacks()
