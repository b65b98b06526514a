"""Whose ledger it is, and the exact line with which that user's command is run."""

from __future__ import annotations

import pwd
import shlex
import sys
from pathlib import Path

from synapse_sync.config import program


def sudo_hint(path: Path) -> str:
    """The exact line that would work: as the owner of the ledger, or of the nearest folder that exists."""
    nearest = path
    while True:
        try:
            owner = pwd.getpwuid(nearest.stat().st_uid).pw_name
            break
        except (OSError, KeyError):
            if nearest == nearest.parent:
                owner = "root"
                break
            nearest = nearest.parent
    return f"run it as the ledger's owner: sudo -u {owner} {program(other_user=True)} {shlex.join(sys.argv[1:])}"
