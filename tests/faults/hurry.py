"""The product with short waits and small limits, so that a fault and its recovery take milliseconds.

Nothing else is changed: each entry is a number that only says how long, or from which size on. Enters: what sets an
attribute (monkeypatch.setattr, or setattr itself in a process of its own). Leaves: nothing.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from synapse_sync import runner
from synapse_sync.cli import sync
from synapse_sync.destinations.synapse.destination import SynapseDestination
from synapse_sync.destinations.synapse.http import lanes, transport
from synapse_sync.destinations.synapse.http.calls import Kind
from synapse_sync.destinations.synapse.upload import storage
from synapse_sync.destinations.synapse.upload.unfinished import Pace
from synapse_sync.steps import backoff

KIB = 1 << 10
MEDIUM = 300 * KIB
"""Bytes of a file that goes alone, and whole."""
LARGE = 900 * KIB
"""Bytes of a file that goes in pieces."""
PIECE = 256 * KIB
"""Bytes of these pieces: chunks, or parts that the server asks for."""
WHOLE = 400 * KIB
"""Bytes up to which a file goes whole."""

WAITED_OUT = 0.5
"""Seconds until a failed attempt is due that `once` waits out."""

Patch = Callable[[Any, str, Any], object]


def hurry(patch: Patch) -> None:
    """What failed is due again at once, and a request whose client is gone is no longer at work on the server."""
    patch(backoff, "AT_WORK", 0.0)
    patch(backoff, "LONGEST", 0.02)
    patch(runner, "random", SimpleNamespace(uniform=lambda low, high: random.uniform(low, min(high, 0.02))))
    patch(sync, "RETRYING", WAITED_OUT)
    begin = SynapseDestination.__init__
    small = {"direct_limit": WHOLE, "pace": Pace(pause=0.01, patience=0.5)}
    patch(SynapseDestination, "__init__", functools.partialmethod(begin, **small))


def hurry_daemon(patch: Patch) -> None:
    """Feeds run as soon as something is there, and often."""
    from synapse_sync import daemon, feed_loop
    from synapse_sync.watching import hints

    patch(daemon, "TICK", 0.5)
    patch(daemon, "DRAIN", 3.0)
    patch(feed_loop, "GAP", 0.02)
    patch(feed_loop, "SHORTEST", 0.02)
    patch(feed_loop, "HUNG", 0.5)
    patch(hints, "DEBOUNCE", 0.05)


def give_up_after(patch: Patch, seconds: float) -> None:
    """No answer is waited for any longer than this."""

    def impatient(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def called(*arguments: Any, **named: Any) -> Any:
            return call(*(_shorter(one, seconds) for one in arguments), **named)

        return called

    patch(transport.Transport, "_send", impatient(transport.Transport._send))
    patch(lanes.Lanes, "__init__", impatient(lanes.Lanes.__init__))
    patch(storage, "PUT", storage.PUT._replace(answer=seconds, stall=seconds))
    patch(lanes, "_OVERDUE", 0.1)


def _shorter(argument: Any, seconds: float) -> Any:
    return argument._replace(answer=seconds, stall=seconds) if isinstance(argument, Kind) else argument
