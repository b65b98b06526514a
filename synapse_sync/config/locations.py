"""Where the config file is looked for, and where the ledger is unless the config says so ."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from synapse_sync.config.model import Config

SYSTEM_CONFIG = Path("/etc/synapse-sync/config.toml")
SYSTEM_LEDGER = Path("/var/lib/synapse-sync/ledger.db")


def home(environ: Mapping[str, str]) -> Path:
    """The user's home folder, as the shell has it."""
    return Path(environ.get("HOME") or os.path.expanduser("~"))


def config_places(environ: Mapping[str, str]) -> list[Path]:
    """Where a config file is looked for when none is named, in order."""
    return [SYSTEM_CONFIG, home(environ) / ".config/synapse-sync/config.toml"]


def ledger_path(config: Config, environ: Mapping[str, str] = os.environ) -> Path:
    """The ledger's absolute path: it follows the config file, not the user.

    ledger.path if set; for a config under /etc $STATE_DIRECTORY/ledger.db (set by systemd for the service) or
    /var/lib/synapse-sync/ledger.db, or synapse-sync-NAME for /etc/synapse-sync/NAME.toml, so that the services of
    one machine share none;
    otherwise NAME-HASH.db in ~/.local/state/synapse-sync ($XDG_STATE_HOME), of the
    config file's stem and its resolved path, so that two configs never share a ledger by accident.
    """
    if config.ledger.path is not None:
        return config.ledger.path
    if config.source.is_relative_to("/etc"):
        # systemd lists several state directories with colons between them; the unit's own is the first.
        state = environ.get("STATE_DIRECTORY", "").split(":")[0]
        if state:
            return Path(state) / SYSTEM_LEDGER.name
        instance = config.source.parent == SYSTEM_CONFIG.parent and config.source.stem != SYSTEM_CONFIG.stem
        state = f"{SYSTEM_LEDGER.parent}-{config.source.stem}" if instance else os.fspath(SYSTEM_LEDGER.parent)
        return Path(state) / SYSTEM_LEDGER.name
    # The XDG base directory specification: a relative value is to be ignored.
    xdg = Path(environ.get("XDG_STATE_HOME", ""))
    folder = (xdg if xdg.is_absolute() else home(environ) / ".local/state") / "synapse-sync"
    digest = hashlib.sha256(os.fsencode(os.path.realpath(config.source))).hexdigest()[:8]
    return folder / f"{config.source.stem}-{digest}.db"
