"""Where the config file is looked for, and where the ledger is unless the config says so ."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from synapse_sync.config.model import Config

SYSTEM_CONFIG = Path("/etc/synapse-sync/config.toml")


def home(environ: Mapping[str, str]) -> Path:
    """The user's home folder, as the shell has it."""
    return Path(environ.get("HOME") or os.path.expanduser("~"))


def config_places(environ: Mapping[str, str]) -> list[Path]:
    """Where a config file is looked for when none is named, in order."""
    return [SYSTEM_CONFIG, home(environ) / ".config/synapse-sync/config.toml"]


def ledger_path(config: Config, environ: Mapping[str, str] = os.environ) -> Path:
    """The ledger's absolute path: it follows the config file, not the user.

    ledger.path if set; for a config under /etc $STATE_DIRECTORY/ledger.db (set by systemd for the service) or that in
    /var/lib/synapse-sync (service_name); otherwise NAME-HASH.db in ~/.local/state/synapse-sync ($XDG_STATE_HOME), of
    the config file's stem and its resolved path, so that two configs never share a ledger by accident.
    """
    if config.ledger.path is not None:
        return config.ledger.path
    if config.source.is_relative_to("/etc"):
        # systemd lists several state directories with colons between them; the unit's own is the first.
        state = environ.get("STATE_DIRECTORY", "").split(":")[0]
        return Path(state or f"/var/lib/{service_name(config.source)}") / "ledger.db"
    # The XDG base directory specification: a relative value is to be ignored.
    xdg = Path(environ.get("XDG_STATE_HOME", ""))
    folder = (xdg if xdg.is_absolute() else home(environ) / ".local/state") / "synapse-sync"
    return folder / f"{_named_after(config.source)}.db"


def spool_path(config: Config, environ: Mapping[str, str] = os.environ) -> Path:
    """The absolute path of the folder that remote files wait in: beside the ledger, unless the config names one."""
    return config.upload.spool or ledger_path(config, environ).parent / "spool"


def service_name(config_file: Path) -> str:
    """What the service of a config file calls its folders in /var/lib and /run: those of several share none."""
    several = config_file.parent == SYSTEM_CONFIG.parent and config_file != SYSTEM_CONFIG
    return f"synapse-sync-{config_file.stem}" if several else "synapse-sync"


def socket_places(config_file: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where the socket of a config file's daemon may stand, the best first; named NAME-HASH.sock, as the ledger is.

    The service's $RUNTIME_DIRECTORY is /run/synapse-sync (service_name), where root's daemon has it too; a user's is
    below $XDG_RUNTIME_DIR, else /tmp. The daemon takes the first that it can write, its callers try all.
    """
    name = f"{_named_after(config_file)}.sock"
    folders = [Path(environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or f"/run/{service_name(config_file)}")]
    xdg = Path(environ.get("XDG_RUNTIME_DIR", ""))
    if xdg.is_absolute():
        folders.append(xdg / "synapse-sync")
    folders.append(Path(f"/tmp/synapse-sync-{os.getuid()}"))  # noqa: S108 - its owner is looked at
    return [folder / name for folder in folders]


def _named_after(config_file: Path) -> str:
    digest = hashlib.sha256(os.fsencode(os.path.realpath(config_file))).hexdigest()[:8]
    return f"{config_file.stem}-{digest}"
