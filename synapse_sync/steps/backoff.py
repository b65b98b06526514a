"""When a failed attempt is due again. Pure, but for the dice."""

from __future__ import annotations

import random

LONGEST = 3600.0

AT_WORK = 120.0
"""Seconds that a server may be at work on a request whose client is gone: as long as we would have waited for it."""

MARGIN = 3600.0
"""Seconds before a request from which on what it made is looked for: clocks differ."""


def next_attempt(now: float, attempts: int, *, at_least: float = 0.0) -> float:
    """The time of the next attempt after `attempts` failures: full jitter below 2^attempts seconds, capped at an hour.

    at_least: seconds that the server asked for (Retry-After). Source: protocol §7.
    """
    window = min(2.0 ** min(attempts, 12), LONGEST)
    return now + max(random.uniform(0, window), at_least)  # noqa: S311 - spreading load, not secrets
