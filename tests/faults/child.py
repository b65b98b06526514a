"""`python -m tests.faults.child ARGUMENTS`: synapse-sync as a process of its own, in a hurry."""

from __future__ import annotations

import faulthandler
import sys

from synapse_sync.__main__ import main

from .hurry import give_up_after, hurry, hurry_daemon

if __name__ == "__main__":
    faulthandler.enable()  # SIGABRT shows what all threads are at
    hurry(setattr)
    if sys.argv[-1] == "run":
        hurry_daemon(setattr)
        give_up_after(setattr, 2.0)
    main()
