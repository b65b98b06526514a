"""`python -m tests.faults.child ARGUMENTS`: synapse-sync as a process of its own, in a hurry."""

from __future__ import annotations

from synapse_sync.__main__ import main

from .hurry import hurry

if __name__ == "__main__":
    hurry(setattr)
    main()
