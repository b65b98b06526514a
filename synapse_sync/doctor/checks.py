"""All checks, in the order in which one builds on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from synapse_sync.assembly import open_destination
from synapse_sync.doctor import (
    collection,
    config_file,
    folders,
    ledger,
    machine,
    names,
    remotes,
    server,
    service,
    storages,
    token,
    watching,
)
from synapse_sync.doctor.findings import Finding, problem
from synapse_sync.doctor.situation import Check, Situation
from synapse_sync.errors import SynapseSyncError

FIRST: tuple[tuple[str, Check], ...] = (
    ("config", config_file.the_file),
    ("config", config_file.its_mode),
    ("token", token.the_token),
)
WITH_SERVER: tuple[tuple[str, Check], ...] = (
    ("server", server.connection),
    ("server", server.account),
    ("server", server.api),
    ("clock", server.clock),
    ("collection", collection.collections),
    ("collection", collection.projects),
    ("storage", collection.storage),
    ("folder", storages.storages),
)
HERE: tuple[tuple[str, Check], ...] = (
    ("folder", folders.folders),
    ("folder", folders.contents),
    ("folder", remotes.remotes),
    ("names", names.names),
    ("watching", watching.file_systems),
    ("watching", watching.limits),
    ("ledger", ledger.ledger),
    ("disk", ledger.disk),
    ("machine", machine.program),
    ("machine", machine.open_files),
    ("machine", machine.writers),
    ("service", service.at_work),
)


def examine(named: Path | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything, and say each thing as it is found. named: the config file that was asked for, if any."""
    situation = Situation(named, environ)
    yield from _each(FIRST, situation)
    with ExitStack() as stack:
        yield from _opened(stack, situation)
        yield from _each(WITH_SERVER, situation)
        situation.destination = None  # what is here is looked at without it; only a storage may ask for its keys anew
        yield from _each(HERE, situation)


def _opened(stack: ExitStack, situation: Situation) -> Iterator[Finding]:
    if situation.config is None or situation.credentials is None:
        return
    try:
        opened = open_destination(situation.config, situation.credentials)
        situation.destination = stack.enter_context(opened)
    except SynapseSyncError as error:
        yield problem("server", "settings", error.message, error.hint or f"edit {situation.config.source}")


def _each(checks: tuple[tuple[str, Check], ...], situation: Situation) -> Iterator[Finding]:
    """Every check, whatever became of the one before."""
    for area, check in checks:
        try:
            yield from check(situation)
        except Exception as error:  # noqa: BLE001 - told as what it is; the others go on
            name = check.__name__.replace("_", " ")
            if isinstance(error, (SynapseSyncError, OSError)):
                words = str(error)
                yield problem(
                    area, name, f"this could not be looked at: {words}", "see the message; the other lines hold"
                )
            else:
                words = f"this check itself failed: {type(error).__name__}: {error}"
                yield problem(area, name, words, "this is a fault of synapse-sync: report it with this line")
