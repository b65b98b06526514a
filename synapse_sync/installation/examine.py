"""Before anything is enabled: whether the service, as who it will be, can read all that it needs; else what to do."""

from __future__ import annotations

import os
import shlex
import stat
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import synapse_sync
from synapse_sync.config import Config
from synapse_sync.config.credentials import checked_token
from synapse_sync.errors import CredentialsError
from synapse_sync.installation.access import ENTER, Identity, Obstacle, group_name, groups_needed, helpful, obstacle
from synapse_sync.installation.identity import identity, tried
from synapse_sync.installation.place import CREDSTORES, Place
from synapse_sync.sources.junk import junk

HIDDEN = ("/tmp", "/var/tmp")  # noqa: S108 - PrivateTmp= gives the service folders of its own there
SAMPLE = 500
"""Entries below a feed's folder whose rights are looked at: shares often grant their subfolders to other groups."""
VENV = "/opt/synapse-sync"
PRIVATE = ("/", "/root", "/etc", "/home")
"""Folders whose mode nobody should change for a service."""


@dataclass
class Findings:
    """What the unit needs for this config, and what is in its way. problems: the service would not work; warnings:
    it would, but not with everything.
    """

    groups: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def examine(place: Place, config: Config, interpreter: str) -> Findings:
    """Hold everything that the service reads against its identity."""
    found = Findings()
    program = _program(interpreter)
    roots = [root for feed in config.feeds for root in feed.asset_roots().values()]
    folders = [root.path for root in roots if root.remote is None and root.storage is None]
    who = identity(place)
    if not config.feeds:
        found.problems.append(f"{config.source} has no feeds: there is nothing to do for a service")
    for root in roots:
        if root.storage is not None:
            found.warnings.append(f"{root.shown} is not looked at: the server tells where it is, and `doctor` asks it")
    for path in folders:
        if not os.path.isdir(path):
            found.warnings.append(f"{path} is not there now: its feed waits for it")
    there = [path for path in folders if os.path.isdir(path)]
    if not place.user:
        groups = {group for path in there for group in _groups(path, who)}
        who = who.with_groups(groups)
        found.groups = sorted(map(group_name, groups))
        found.mounts = list(dict.fromkeys(folders))
        found.problems += [*_hidden([*program, *folders]), *_ledger(place, config)]
    named = [path for root in roots if root.remote for path in root.remote.files()]
    files = [str(path) for path in (config.source, config.server.ca_bundle, *named) if path]
    found.problems += [*_token(place, config, who), *_readable([*program, *files, *there], program, who)]
    if not found.problems:
        refused = tried(interpreter, [*files, *there], who)
        found.problems += [f"{path} can't be used by the service: {why}" for path, why in refused.items()]
    found.warnings += [words for path in there for words in _entries_left_out(path, who)]
    return found


def _program(interpreter: str) -> list[str]:
    """What must be readable for the program to run: the interpreter, what it is linked to, the package."""
    package = os.path.dirname(os.path.abspath(synapse_sync.__file__))
    return list(dict.fromkeys([interpreter, sysconfig.get_path("stdlib"), package]))


def _hidden(paths: list[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        if any(Path(path).is_relative_to(folder) for folder in HIDDEN):
            yield f"{path} is below a folder for temporary files, of which the service has its own: move it"


def _readable(paths: list[str], program: list[str], who: Identity) -> Iterator[str]:
    told: set[str] = set()
    for path in dict.fromkeys(paths):
        try:
            found = obstacle(path, who)
        except OSError as error:
            yield f"{path}: {error.strerror}"
            continue
        if found is not None and found.path not in told:
            told.add(found.path)
            yield _remedy(path, found, of_program=path in program)


def _remedy(path: str, found: Obstacle, *, of_program: bool) -> str:
    """What is in the way, and the line that takes it away."""
    reason = f"the service can't read {path}: {found}"
    name = shlex.quote(found.path)
    if of_program:
        return (
            f"the service can't run {path}: {found}. Install synapse-sync where every user may read it: "
            f"sudo /usr/bin/python3 -m venv {VENV}, install it there as you did here, and then "
            f"sudo {VENV}/bin/synapse-sync service install"
        )
    if not stat.S_ISDIR(found.mode):
        return f"{reason}; chmod a+r {name}"
    if found.path in PRIVATE:
        return f"{reason}, and should stay so: move the folder to another place, /srv for example"
    bits = "g+rx" if found.path == os.path.realpath(path) else "g+x"  # a folder on the way need not be listed
    if groups := helpful(found.rights, ENTER):
        return f"{reason}; its group {group_name(groups[0])} may enter it but not list it: sudo chmod {bits} {name}"
    group = "users" if found.rights.group == 0 else group_name(found.rights.group)
    return f"{reason}; give it to a group that may read it: sudo chgrp {group} {name} && sudo chmod {bits} {name}"


def _token(place: Place, config: Config, who: Identity) -> Iterator[str]:
    """The token, where the service looks for it: the credential, access_token_file, or the user's login."""
    file = config.server.access_token_file
    stored = [path for folder in CREDSTORES if os.path.lexists(path := folder / place.credential)]
    if stored and not place.user:
        yield from _no_token(stored[0])
        return
    if file is not None:
        yield from _readable([str(file)], [], who)
    elif not place.user:
        yield (
            "there is no access token for the service; store it with: sudo install -d -m 0700 /etc/credstore && "
            f"sudo install -m 0600 /dev/stdin /etc/credstore/{place.credential} "
            "(then paste the token, Enter, Ctrl-D)"
        )
    elif not (place.home / ".synapse/config.json").exists():
        yield "there is no access token; store it with: synapse-sync login"


def _no_token(path: Path) -> Iterator[str]:
    """What is wrong with the file of a credential."""
    try:
        checked_token(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, CredentialsError) as error:
        yield f"{path}: {error}"
    else:
        if path.stat().st_mode & 0o077:
            yield f"others may read the token: sudo chmod 0600 {path}"


def _ledger(place: Place, config: Config) -> Iterator[str]:
    """The ledger and the spool, where the service may write."""
    path = config.ledger.path
    if path is not None and not path.is_relative_to(place.state):
        yield (
            f"ledger.path is {path}, but the service may only write in {place.state}: take the line out of "
            f"{config.source} (and move an existing ledger to {place.state}/ledger.db)"
        )
    spool = config.upload.spool
    if spool is not None and not spool.is_relative_to(place.state):
        yield (
            f"upload.spool is {spool}, but the service may only write in {place.state}: take the line out of "
            f"{config.source}, or name a folder there"
        )


def _groups(path: str, who: Identity) -> set[int]:
    """Groups for a feed's folder, and for what a look at the entries below it shows."""
    groups = groups_needed(path, who)
    for entry in _sample(path):
        try:
            groups |= groups_needed(entry, who.with_groups(groups))
        except OSError:
            continue  # removed meanwhile, or a link that leads nowhere
    return groups


def _entries_left_out(path: str, who: Identity) -> Iterator[str]:
    """Whether something below the folder stays unreadable, with an example."""
    blocked = []
    for entry in _sample(path):
        try:
            found = obstacle(entry, who)
        except OSError:
            continue
        if found is not None:
            blocked.append(str(found))
    if blocked:
        yield f"of the first entries below {path} the service can't read {len(blocked)}, for example: {blocked[0]}"


def _sample(path: str) -> list[str]:
    return list(islice(_below(path), SAMPLE))


def _below(path: str) -> Iterator[str]:
    """Entries below a folder, those near it first; junk is left out."""
    level = [path]
    while level:
        folders = []
        for folder in level:
            try:
                entries = list(os.scandir(folder))
            except OSError:
                continue
            for entry in entries:
                if not junk(os.fsencode(entry.name)):
                    yield entry.path
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        level = folders
