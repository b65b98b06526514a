"""Puts the service in place, and takes it away; never touches a file that it did not write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from synapse_sync.config import Config
from synapse_sync.errors import InstallationError, UsageError
from synapse_sync.installation import systemctl
from synapse_sync.installation.examine import Findings, examine
from synapse_sync.installation.place import Place, shipped
from synapse_sync.installation.texts import drop_in_text, is_ours, unit_text

Files = dict[Path, str]


def planned(place: Place, config: Config, interpreter: str) -> tuple[Files, Findings]:
    """The files that an installation would write, and what was found out for them. Raises InstallationError with every
    reason for which the service would not work, UsageError for a config in the wrong place; writes nothing.
    """
    if config.source != place.config:
        hint = f"put it there: install -D -m 0644 {config.source} {place.config}"
        raise UsageError(f"the service reads {place.config}, not {config.source}", hint=hint)
    found = examine(place, config, interpreter)
    files = {
        place.unit_file: unit_text(shipped(place), unit=place.unit, interpreter=interpreter, config=place.config),
        place.drop_in: drop_in_text(mounts=found.mounts, groups=found.groups),
    }
    found.problems += [
        f"{path} was not written by synapse-sync: look at it, and move it away or keep it" for path in _foreign(files)
    ]
    if found.problems:
        many = f"{len(found.problems)} reasons" if len(found.problems) > 1 else "a reason"
        raise InstallationError(
            f"{place.unit} was not installed, for {many}; nothing was changed", problems=tuple(found.problems)
        )
    return files, found


def install(place: Place, files: Files) -> None:
    """Write the files, have systemd read them, enable and start the service, and wait until it is ready.

    A service that runs is started again, with what is new. Raises InstallationError where systemd refuses.
    """
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
    systemctl.call(place, "daemon-reload")
    systemctl.call(place, "enable", place.unit)
    systemctl.call(place, "restart", place.unit)


def uninstall(place: Place) -> list[Path]:
    """Stop and disable the service, remove what was written for it; returns the removed files.

    The ledger, the config and the token stay. A unit that other instances use stays, too.
    """
    files = [path for path in (place.drop_in, place.unit_file) if path.exists()]
    foreign = list(_foreign(dict.fromkeys(files, "")))
    if foreign:
        told = tuple(f"{path} was not written by synapse-sync" for path in foreign)
        raise InstallationError(f"{place.unit} stays as it is", problems=told, hint="remove it by hand if it may go")
    if not files:
        raise UsageError(f"{place.unit} is not installed: there is no {place.unit_file}")
    systemctl.call(place, "disable", "--now", place.unit)
    removed = []
    for path in files:
        if path == place.unit_file and place.instance and _other_instances(place):
            continue
        path.unlink()
        removed.append(path)
    if place.drop_in.parent.is_dir() and not any(place.drop_in.parent.iterdir()):
        place.drop_in.parent.rmdir()
    systemctl.call(place, "daemon-reload")
    return removed


def _foreign(files: Files) -> Iterator[Path]:
    for path in files:
        if path.is_symlink() or (path.exists() and not is_ours(path.read_text(encoding="utf-8", errors="replace"))):
            yield path


def _other_instances(place: Place) -> bool:
    name = place.unit_file.name.removesuffix(".service")
    return any(folder != place.drop_in.parent for folder in place.folder.glob(f"{name}*.service.d"))


def _write(path: Path, text: str) -> None:
    """Write a file that is whole or not there, and that everybody may read."""
    partial = path.with_name(f".{path.name}.new")
    partial.write_text(text, encoding="utf-8")
    os.chmod(partial, 0o644)
    os.replace(partial, path)
