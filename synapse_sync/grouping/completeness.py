"""What becomes of a unit as its files stand: complete, still forming, incomplete, or held for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from synapse_sync.grouping.assemble import Draft


@dataclass(frozen=True, slots=True)
class Verdict:
    """The unit's state (a value of states.UnitState), the reason in words ("" where there is nothing to say).

    decide_again_at, in seconds since the epoch, is when time alone changes the verdict; None where it never does.
    """

    state: Literal["forming", "complete", "incomplete", "held"]
    reason: str
    decide_again_at: float | None


def judge(
    draft: Draft, *, changed_at: float, now: float, wait_optional: float, incomplete_after: float, patient: bool
) -> Verdict:
    """Decide one unit. Times are seconds since the epoch, waits are seconds since the unit's last change.

    With all specs it is complete at once; with all required ones after wait_optional, or at once where nobody is
    patient (`once`), but for an optional file that is there and empty: that has incomplete_after to be filled. Without
    a required one it is forming, and incomplete after incomplete_after. A problem is held whatever else is there: more
    files don't solve it, and if they do it is decided again.
    """
    if draft.problem:
        return Verdict("held", draft.problem, None)
    if lacks := draft.lacks():
        if now >= changed_at + incomplete_after:
            return Verdict("incomplete", f"lacks {lacks}", None)
        return Verdict("forming", f"waits for {lacks}", changed_at + incomplete_after)
    if not draft.optional_missing:
        return Verdict("complete", "", None)
    if draft.unfilled and now < changed_at + incomplete_after:
        return Verdict("forming", f"waits for {draft.named(draft.unfilled)}", changed_at + incomplete_after)
    optional = ", ".join(draft.optional_missing)
    if patient and now < changed_at + wait_optional:
        return Verdict("forming", f"waits for {optional} (optional)", changed_at + wait_optional)
    return Verdict("complete", f"goes without {optional} (optional)", None)
