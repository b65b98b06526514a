"""The file that the wizard writes: a new one, or one that is there and gets one more feed."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from synapse_sync.config import Config, command_for, find_config, load, loads, program
from synapse_sync.config.locations import SYSTEM_CONFIG, home
from synapse_sync.errors import ConfigError
from synapse_sync.wizard.answers import Answers
from synapse_sync.wizard.text import config_text, feed_text
from synapse_sync.wizard.writing import append, appended, write_new


@dataclass
class Target:
    """path: the file. before: its bytes, where it is there. config: what it holds; problem: why it can't be used."""

    path: Path
    before: bytes | None = None
    config: Config | None = None
    problem: str = ""

    @property
    def there(self) -> bool:
        """Whether there is a file already."""
        return self.before is not None

    @property
    def taken(self) -> set[str]:
        """Names of its feeds."""
        return {feed.name for feed in self.config.feeds} if self.config is not None else set()

    def config_with(self, answers: Answers) -> Config:
        """The configuration that would be written. Raises ConfigError."""
        if self.before is None:
            return loads(config_text(answers), self.path)
        return loads(appended(self.before, feed_text(answers)).decode("utf-8-sig"), self.path)

    def write(self, answers: Answers) -> Path:
        """Write it, and read it back. Raises UsageError, ConfigError."""
        if self.before is None:
            write_new(self.path, config_text(answers))
        else:
            append(self.path, self.before, feed_text(answers))
        load(self.path)
        return self.path

    @property
    def command(self) -> str:
        """How the program is started with this config: it is named only where it would not be found by itself."""
        return command_for(self.path)

    @property
    def service(self) -> str:
        """The line that has it run from boot on."""
        whole = f"sudo {program(other_user=True)} service install   # from boot on, watching the folder"
        if self.path == SYSTEM_CONFIG:
            return whole
        if self.path == home(os.environ) / ".config/synapse-sync/config.toml" and os.geteuid() != 0:
            return f"{program()} service install --user   # from boot on, watching the folder"
        return f"sudo install -D -m 0644 {shlex.quote(str(self.path))} {SYSTEM_CONFIG} && {whole}"


def target_of(named: Path | None) -> Target:
    """The file that was named, else the one that is used now, else the usual place of this user."""
    if named is not None:
        path = Path(os.path.abspath(os.path.expanduser(named)))
    else:
        try:
            path = find_config(None)
        except ConfigError:
            path = SYSTEM_CONFIG if os.geteuid() == 0 else home(os.environ) / ".config/synapse-sync/config.toml"
    if not os.path.lexists(path):
        return Target(path)
    try:
        before = path.read_bytes()
        config = load(path)
    except ConfigError as error:
        return Target(path, b"", None, "; ".join((error.message, *error.problems)))
    except OSError as error:
        return Target(path, b"", None, error.strerror or str(error))
    if not os.access(path, os.W_OK) or not os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
        return Target(path, before, None, "this user may not change it (sudo synapse-sync init does)")
    return Target(path, before, config)
