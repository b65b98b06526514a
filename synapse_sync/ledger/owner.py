"""Whose ledger it is, and the exact line with which that user's command is run."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sys
from pathlib import Path


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
    return f"run it as the ledger's owner: sudo -u {owner} {shlex.join([_program(), *sys.argv[1:]])}"


def _program() -> str:
    """The program as another user can start it: in full, because it may not be on that one's PATH."""
    called = sys.argv[0]
    if not os.path.basename(called).startswith("synapse-sync"):
        return "synapse-sync"
    return os.path.abspath(called) if os.sep in called else shutil.which(called) or called
