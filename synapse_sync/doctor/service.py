"""Whether anything keeps the work going: the systemd service of this config, or a daemon in the foreground."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from synapse_sync.config import program
from synapse_sync.config.locations import SYSTEM_CONFIG, home, service_name
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import InstallationError
from synapse_sync.installation import systemctl
from synapse_sync.installation.examine import examine
from synapse_sync.installation.place import NAME, Place

AREA = "service"
_COMMAND = re.compile(r"(?:; |: )((?:sudo )?(?:chmod|chgrp|install|synapse-sync) .+)$")
"""The line at the end of what an installation says of an obstacle."""


def at_work(situation: Situation) -> Iterator[Finding]:
    """A daemon of this config file, however it was started; and its unit, where systemd runs this machine."""
    if situation.config is None:
        return
    source = situation.config.source
    daemon = situation.daemon
    if daemon is not None and daemon["since"] is None:
        yield problem(AREA, "daemon", daemon["problem"], "journalctl -u 'synapse-sync*' -e   # what it said last")
    elif daemon is not None:
        yield well(AREA, "daemon", f"process {daemon['pid']} runs since {daemon['since']}")
        if daemon["problem"]:
            yield problem(AREA, "config in use", daemon["problem"], f"edit {source}, then: {situation.command} reload")
    place = place_of(source, situation.environ)
    if not systemctl.running():
        if daemon is None:
            words = "nothing runs now, and no systemd runs this machine: you start it, or the system's own planner"
            yield warning(AREA, "daemon", words, f"{situation.command} run")
    elif place is None:
        words = f"the services read {SYSTEM_CONFIG} or ~/.config/synapse-sync/config.toml, not {source}"
        yield warning(AREA, "unit", words, f"sudo install -D -m 0644 {shlex.quote(str(source))} {SYSTEM_CONFIG}")
    else:
        yield from _unit(place, situation)


def place_of(source: Path, environ: Mapping[str, str]) -> Place | None:
    """The service that reads this config file; None where none does."""
    own = Place(user=True, home=home(environ))
    if source == own.config and os.geteuid() != 0:
        return own
    place = Place(instance=service_name(source).removeprefix(NAME).removeprefix("-"))
    return place if source == place.config else None


def install_line(place: Place) -> str:
    """The line that installs this service."""
    line = shlex.join(["service", "install", *place.options])
    return f"{program()} {line}" if place.user else f"sudo {program(other_user=True)} {line}"


def _unit(place: Place, situation: Situation) -> Iterator[Finding]:
    try:
        unit = systemctl.shown(place)
    except InstallationError as error:
        yield warning(AREA, "unit", error.message, error.hint)
        return
    if unit.get("LoadState") == "not-found":
        yield warning(
            AREA, "unit", f"{place.unit} is not installed: nothing starts it with the machine", install_line(place)
        )
        return
    state = f"{place.unit}: {unit['ActiveState']} ({unit['SubState']}), {unit['UnitFileState'] or 'not enabled'}"
    call = " ".join(place.systemctl)
    if unit["ActiveState"] in ("active", "reloading", "activating"):
        yield well(AREA, "unit", state + (f": {unit['StatusText']}" if unit["StatusText"] else ""))
    else:
        log = f"journalctl {'--user ' if place.user else ''}-u {place.unit} -n 30 --no-pager"
        yield problem(AREA, "unit", state, f"{call} restart {place.unit}   # and if it ends again: {log}")
    if not unit["UnitFileState"].startswith("enabled"):
        yield warning(AREA, "enabled", f"{place.unit} does not start with the machine", f"{call} enable {place.unit}")
    yield from _can_read(place, situation)


def _can_read(place: Place, situation: Situation) -> Iterator[Finding]:
    """Whether the service's own user can read all that it needs: what `service install` looks at, too."""
    assert situation.config is not None
    if (not place.user and os.geteuid() != 0) or situation.silent:
        return  # only root can find out for another user; and nobody about a folder that gives no answer
    found = examine(place, situation.config, os.path.abspath(sys.executable))
    for words in found.problems:
        line = _COMMAND.search(words)
        told = words[: line.start()] if line else words
        yield problem(AREA, "access", told, line[1] if line else f"then install it again: {install_line(place)}")
    for words in found.warnings:
        if not words.endswith("its feed waits for it"):  # told among the folders
            remedy = f"let a group of the service's read them (sudo chmod -R g+rX …), then: {install_line(place)}"
            yield warning(AREA, "access", words, remedy)
    if not found.problems:
        yield well(AREA, "access", "its user can read the program, the config, the token and every folder")
