"""Which service is meant: the machine's or a user's, the only one or one of several; and where its parts belong."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from synapse_sync.config.credentials import CREDENTIAL_NAME
from synapse_sync.config.locations import SYSTEM_CONFIG, home
from synapse_sync.errors import UsageError

NAME = "synapse-sync"
CREDSTORES = (Path("/etc/credstore"), Path("/run/credstore"), Path("/usr/lib/credstore"))
"""Where systemd looks for a credential without a path (systemd.exec(5), LoadCredential=)."""
_INSTANCE = re.compile(r"[a-z0-9][a-z0-9-]{0,17}")  # synapse-sync-NAME is a user's name: 31 characters at most


@dataclass(frozen=True)
class Place:
    """One service; `instance` is "" for the only one."""

    user: bool = False
    instance: str = ""
    home: Path = Path("/")

    @property
    def unit(self) -> str:
        """The unit's name."""
        return f"{NAME}@{self.instance}.service" if self.instance else f"{NAME}.service"

    @property
    def folder(self) -> Path:
        """Where unit files go (systemd.unit(5))."""
        return self.home / ".config/systemd/user" if self.user else Path("/etc/systemd/system")

    @property
    def unit_file(self) -> Path:
        """The unit's file; all instances share one."""
        return self.folder / (f"{NAME}@.service" if self.instance else self.unit)

    @property
    def drop_in(self) -> Path:
        """What this machine's feeds need, beside the unit."""
        return self.folder / f"{self.unit}.d" / "10-feeds.conf"

    @property
    def config(self) -> Path:
        """The config file that the service reads."""
        folder = self.home / ".config/synapse-sync" if self.user else SYSTEM_CONFIG.parent
        return folder / f"{self.instance or 'config'}.toml"

    @property
    def state(self) -> Path:
        """The folder in which the system service keeps its ledger."""
        return Path("/var/lib") / self.account

    @property
    def account(self) -> str:
        """The name of the system service's user and of its folders."""
        return f"{NAME}-{self.instance}" if self.instance else NAME

    @property
    def credential(self) -> str:
        """The name of the credential that holds the access token."""
        return f"{CREDENTIAL_NAME}-{self.instance}" if self.instance else CREDENTIAL_NAME

    @property
    def systemctl(self) -> list[str]:
        """How the service manager is called."""
        return ["systemctl", "--user"] if self.user else ["systemctl"]

    @property
    def options(self) -> list[str]:
        """The options of `service` that mean this place."""
        return [*(["--user"] if self.user else []), *(["--instance", self.instance] if self.instance else [])]


def place_of(*, user: bool, instance: str, environ: Mapping[str, str] = os.environ) -> Place:
    """The place that was asked for. Raises UsageError for a name that can't be an instance's."""
    if instance and (_INSTANCE.fullmatch(instance) is None or instance == "config"):
        hint = "small letters, digits and -, at most 18, like --instance lab-2"
        raise UsageError(f'"{instance}" can\'t be the name of an instance', hint=hint)
    return Place(user, instance, home(environ))


def shipped(place: Place) -> str:
    """The unit as it came with this package; in a checkout it stands beside the package."""
    scope = "user" if place.user else "system"
    folder = files("synapse_sync") / "installation/systemd"
    if not folder.is_dir():
        folder = files("synapse_sync") / "../systemd"
    return (folder / scope / place.unit_file.name).read_text(encoding="utf-8")
