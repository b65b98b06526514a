"""How this program is started, for lines that a person copies."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from synapse_sync.config.loading import find_config
from synapse_sync.errors import ConfigError

NAME = "synapse-sync"


def program(*, other_user: bool = False) -> str:
    """The program, quoted for a shell: by its name where that is enough, in full where it is not, or where another user
    is to start it, on whose PATH it may not be.
    """
    called = sys.argv[0]
    if not os.path.basename(called).startswith(NAME):
        return NAME
    full = os.path.abspath(called) if os.sep in called else shutil.which(called) or called
    found = shutil.which(os.path.basename(full))
    return shlex.quote(full if other_user or found != full else os.path.basename(full))


def command_for(path: Path, environ: Mapping[str, str] = os.environ) -> str:
    """The program with this config file, which is named where it would not be found by itself."""
    try:
        if find_config(None, environ) == path:
            return program()
    except ConfigError:
        pass
    return f"{program()} --config {shlex.quote(str(path))}"
