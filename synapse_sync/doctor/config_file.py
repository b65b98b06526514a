"""The config file: found, right, and nobody else's to change."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator

from synapse_sync.config import command_for, find_config, load, program
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import ConfigError
from synapse_sync.status.words import many

AREA = "config"


def the_file(situation: Situation) -> Iterator[Finding]:
    """Found, readable, and every mistake in it."""
    try:
        path = find_config(situation.named, situation.environ)
    except ConfigError as error:
        looked = "; ".join(error.problems)
        yield problem(AREA, "file", f"{error.message} ({looked})", f"{program()} init   # asks, and writes one")
        return
    try:
        config = situation.config = load(path, situation.environ)
    except ConfigError as error:
        there = path.exists()
        remedy = f"edit {shlex.quote(str(path))}" if there else f"{command_for(path, situation.environ)} init"
        for words in error.problems or (error.message,):
            yield problem(AREA, "file", words, f"{remedy}{f'   # {error.hint}' if error.hint and there else ''}")
        return
    yield well(AREA, "file", f"{path}: {many(len(config.feeds), 'feed')}")
    for words in config.warnings:
        yield warning(AREA, "settings", words, f"edit {shlex.quote(str(path))}")


def its_mode(situation: Situation) -> Iterator[Finding]:
    """Whoever may write it decides where the token and the files go."""
    if situation.config is None:
        return
    path = situation.config.source
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "everybody" if mode & stat.S_IWOTH else "its group"
        words = f"{who} on this machine may change {path} (mode {stat.S_IMODE(mode):04o})"
        yield warning(AREA, "mode", words, f"chmod go-w {shlex.quote(str(path))}")
    else:
        yield well(AREA, "mode", f"only its owner may change it (mode {stat.S_IMODE(mode):04o})")
