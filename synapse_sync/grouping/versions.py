"""What present files mean for a unit that was already sent: nothing, changed content, or late files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Present(NamedTuple):
    """The file that now stands at a spec: its content as last read, and whether that reading is still current."""

    content: int | None
    current: bool


class Difference(NamedTuple):
    """kind: "unread" until every file that was sent has been read again; specs: those that differ, sorted."""

    kind: Literal["same", "unread", "changed", "late"]
    specs: tuple[str, ...] = ()


def compare(sent: Mapping[str, int | None], present: Mapping[str, Present]) -> Difference:
    """Hold what was sent (spec -> content) against the files that are there now.

    A file that is no longer there is no difference: nothing is ever taken back from the server. Changed content comes
    before late files, since a version made for it takes the late files along.
    """
    both = sent.keys() & present.keys()
    if any(not present[spec].current for spec in both):
        return Difference("unread")
    changed = sorted(spec for spec in both if present[spec].content != sent[spec])
    if changed:
        return Difference("changed", tuple(changed))
    late = sorted(present.keys() - sent.keys())
    return Difference("late", tuple(late)) if late else Difference("same")
