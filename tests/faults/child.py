"""`python -m tests.faults.child ARGUMENTS`: synapse-sync as a process of its own, in a hurry.

SYNAPSE_SYNC_MANY: from how many new files on small contents go by a process of their own.
"""

from __future__ import annotations

import os

from synapse_sync.__main__ import main
from synapse_sync.steps import sender

from .hurry import hurry

if __name__ == "__main__":
    hurry(setattr)
    sender.MANY = int(os.environ.get("SYNAPSE_SYNC_MANY", sender.MANY))
    main()
