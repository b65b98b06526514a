"""What of a large set of cases a run tests: all of them, or a sample that a printed seed chooses.

SYNAPSE_SYNC_FAULTS=all         every case (a step of .ci/run)
SYNAPSE_SYNC_FAULTS_SEED=n      the sample that was chosen with this seed
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")

ALL = os.environ.get("SYNAPSE_SYNC_FAULTS") == "all"
SEED = int(os.environ["SYNAPSE_SYNC_FAULTS_SEED"])  # tests/conftest.py sets it, for all processes of a run alike


def chosen(cases: Sequence[Case], most: int, what: str) -> list[Case]:
    """These cases, or `most` of them, in order; `what` keeps the dice of different sets apart."""
    if ALL or len(cases) <= most:
        return list(cases)
    picked = random.Random(f"{SEED} {what}").sample(range(len(cases)), most)
    return [cases[index] for index in sorted(picked)]
