"""What systemd is asked: short calls of systemctl, with its own words where it refuses."""

from __future__ import annotations

import os
import subprocess

from synapse_sync.errors import InstallationError
from synapse_sync.installation.place import Place

PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "SubState", "StatusText", "Result", "NRestarts", "MainPID")


def running() -> bool:
    """Whether systemd runs this machine (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def require_running() -> None:
    """Raises InstallationError where it does not."""
    if not running():
        raise InstallationError("systemd does not run this machine", hint=FOREGROUND)


def call(place: Place, *arguments: str) -> str:
    """What systemctl prints. Raises InstallationError with its words."""
    command = [*place.systemctl, *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - systemctl
    except OSError as error:
        raise InstallationError(f"systemctl can't be started: {error.strerror}", hint=FOREGROUND) from error
    if result.returncode != 0:
        said = " ".join(result.stderr.split()) or f"it ended with {result.returncode}"
        scope = "--user " if place.user else ""
        raise InstallationError(
            f"{' '.join(command)}: {said}", hint=f"see why: journalctl {scope}-u {place.unit} -n 30 --no-pager"
        )
    return result.stdout


def shown(place: Place) -> dict[str, str]:
    """The unit's properties as systemd has them."""
    text = call(place, "show", place.unit, *(f"--property={name}" for name in PROPERTIES))
    return {name: value for name, _, value in (line.partition("=") for line in text.splitlines())}


FOREGROUND = "without systemd the same program runs in the foreground: synapse-sync --config FILE run"
