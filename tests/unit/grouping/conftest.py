"""What the tables of trees need: files as written there, and units as told there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from synapse_sync.grouping.assemble import Draft, assemble
from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.pairing import Placed
from synapse_sync.grouping.places import Choice
from synapse_sync.records import Spec

Outcome = tuple[dict[str, str], dict[str, str]]


@pytest.fixture
def outcome() -> Callable[[Choice, Sequence[Spec], Sequence[str]], Outcome]:
    """A function from a choice, specs and files as written to the units and asides as told."""
    return _outcome


def _outcome(choice: Choice, specs: Sequence[Spec], files: Sequence[str]) -> Outcome:
    layout = layout_for(choice, specs)
    members = [_member(number, written) for number, written in enumerate(files)]
    buckets: dict[str, list[Placed]] = {}
    asides = {}
    for member in members:
        place = layout.place(member.asset, member.path)
        if place.aside:
            asides[member.path] = f"{place.aside}: {place.reason}"
        else:
            buckets.setdefault(place.bucket, []).append(Placed(member, place))
    paths = {member.id: member.path for member in members}
    drafts = [draft for bucket in buckets.values() for draft in assemble(bucket, specs)]
    return {draft.key: _told(draft, paths, specs) for draft in drafts}, asides


def _member(number: int, written: str) -> Member:
    """PATH, ASSET:PATH or PATH (empty)."""
    asset, _, rest = written.rpartition(":")
    path = rest.removesuffix(" (empty)")
    return Member(number, asset, path, 0 if rest != path else 10, 0)


def _told(draft: Draft, paths: Mapping[int, str], specs: Sequence[Spec]) -> str:
    words = [f"{spec.name}={paths[draft.files[spec.name]]}" for spec in specs if spec.name in draft.files]
    words += [f"lacks {draft.lacks()}"] if draft.lacks() else []
    words += [f"problem: {draft.problem}"] if draft.problem else []
    words += [f"leaves out: {reason}" for reason in draft.left_out.values()]
    return " ".join(words)
