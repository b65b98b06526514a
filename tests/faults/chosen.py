"""What of a large set of cases a run tests: all of them, or a sample that a printed seed chooses.

SYNAPSE_SYNC_FAULTS=all         every case, but a larger sample where there are thousands (steps of .ci/run)
SYNAPSE_SYNC_FAULTS=sweep       every case of those, too (half an hour)
SYNAPSE_SYNC_FAULTS_SEED=n      the sample that was chosen with this seed
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")

SWEEP = os.environ.get("SYNAPSE_SYNC_FAULTS") == "sweep"
ALL = SWEEP or os.environ.get("SYNAPSE_SYNC_FAULTS") == "all"
SEED = int(os.environ["SYNAPSE_SYNC_FAULTS_SEED"])  # tests/conftest.py sets it, for all processes of a run alike


def chosen(cases: Sequence[Case], most: int, what: str) -> list[Case]:
    """These cases, or `most` of them, in order; `what` keeps the dice of different sets apart."""
    return list(cases) if ALL else sample(cases, most, what)


def sample(cases: Sequence[Case], most: int, what: str) -> list[Case]:
    """`most` of these cases, in order, or all in a sweep."""
    if SWEEP or len(cases) <= most:
        return list(cases)
    picked = random.Random(f"{SEED} {what}").sample(range(len(cases)), most)
    return [cases[index] for index in sorted(picked)]
