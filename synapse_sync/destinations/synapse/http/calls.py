"""What one call to the backend is: how long it may take, how its failure is judged, and what it sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from synapse_sync.errors import Rejected

Item = TypeVar("Item")
Result = TypeVar("Result")

PIECE = 64 * 1024
"""Bytes handed to the socket at once: each piece must leave within the stall time, so a slow line needs small ones."""


class Kind(NamedTuple):
    """How a call is made and how its failure is judged; times in seconds, from protocol §7."""

    answer: float = 0.0
    """How long the server may be silent (at least the configured read time-out)."""
    stall: float = 0.0
    """How long connecting, or sending one PIECE, may take (at least the configured connect time-out)."""
    change: bool = False
    """It must not be repeated blindly: a lost answer is an OutcomeUnknown."""
    fresh: bool = False
    """On a new connection: a kept one that the server closes at this moment would look like a lost answer."""


CONTROL = Kind()
VERIFY = Kind(answer=30)
LISTING = Kind(answer=60)
ISSUE = Kind(answer=120)
CONFIRM = Kind(answer=120, change=True)
UPLOAD = Kind(answer=300, stall=30, change=True)
REGISTER = Kind(answer=120, change=True, fresh=True)


AT_ONCE = 200
"""Files in one call that issues or confirms presigned URLs: what production clients send (protocol §2.4)."""


class Body(NamedTuple):
    """What is sent: `pieces` add up to exactly `length` bytes."""

    content_type: str
    length: int
    pieces: Iterable[bytes]


def json_body(data: Any, doing: str) -> Body:
    """`data` as JSON. Raises Rejected where JSON has no such value (NaN, a lone surrogate): no server would take it."""
    try:
        encoded = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as cause:
        raise Rejected(
            f"could not {doing}: it can't be written as JSON: {cause}", hint="correct the metadata"
        ) from cause
    return Body("application/json", len(encoded), slices(encoded))


def by_halves(
    ask: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], alone: Callable[[Rejected], Result]
) -> list[Result]:
    """What `ask` says of each item, in order: a refusal of several is narrowed down by halves.

    alone: what a refusal of a single item is.
    """
    try:
        return ask(items)
    except Rejected as refused:
        if len(items) == 1:
            return [alone(refused)]
    middle = len(items) // 2
    return by_halves(ask, items[:middle], alone) + by_halves(ask, items[middle:], alone)


def slices(data: bytes) -> Iterator[bytes]:
    """`data` in PIECEs."""
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))
