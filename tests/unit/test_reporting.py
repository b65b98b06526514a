"""What the daemon's log says of a run: what needs attention, in words and fields that are true."""

from __future__ import annotations

import pytest

from synapse_sync.reporting import attention_in_words


@pytest.mark.parametrize(
    ("item", "words", "place"),
    [
        (("unit", "p1", "held"), "unit p1 is held: why", {"unit_key": "p1"}),
        (("file", "p1/a.png", "held"), "file p1/a.png is held: why", {"path": "p1/a.png"}),
        (("content", "1 content", "unknown"), "1 content could not be sent yet: why", {}),
        (("audit", "3 missing", "missing"), "audit: 3 missing: why", {}),
    ],
)
def test_only_what_has_a_name_is_named_in_a_field(
    item: tuple[str, str, str], words: str, place: dict[str, str]
) -> None:
    kind, what, state = item
    assert attention_in_words({"kind": kind, "what": what, "state": state, "reason": "why"}) == (words, place)
