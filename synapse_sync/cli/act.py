"""`retry` and `forget`: a person says what shall be decided again, or be as if it had never been seen."""

from __future__ import annotations

import time
from typing import Annotated

import typer


def retry(
    ctx: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="FEED:UNIT_KEY of held units.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything held, but for unknown outcomes.")] = False,
) -> None:
    """Decide again what is held; the next run acts on it.

    A unit named by its KEY goes on a person's word: what a policy holds is registered as a new unit, and one whose
    outcome is unknown is sent again, so look first whether the collection has it. So does a file of it that is empty or
    ends in the middle: it is sent as it is.
    """
    from synapse_sync.config import find_config, ledger_path, load
    from synapse_sync.control import ask
    from synapse_sync.errors import NotRunning, UsageError
    from synapse_sync.ledger import open_for_writing
    from synapse_sync.status.stories import find_units
    from synapse_sync.status.words import many
    from synapse_sync.steps.retry import retry_all, retry_units

    if bool(keys) == everything:
        raise UsageError("retry takes the KEYs of units, or --all", hint="`synapse-sync units --state held` lists them")
    path = find_config(ctx.obj)
    try:
        count = ask(path, "retry", keys=keys or [], everything=everything)["count"]
    except NotRunning:
        with open_for_writing(ledger_path(load(path)), create=False) as ledger:
            if everything:
                count = retry_all(ledger, now=time.time())
            else:
                rows = [row for key in keys or [] for row in find_units(ledger, key)]
                count = retry_units(ledger, rows, now=time.time())
    typer.echo(f"{many(count, 'unit')} will be decided again by the next run")


def forget(
    ctx: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="FEED:UNIT_KEY of units.")],
    registered: Annotated[
        bool, typer.Option("--registered", help="Also what the server has: it is registered again.")
    ] = False,
) -> None:
    """Drop units from the ledger; their files are new to the next run. Nothing is changed on the server."""
    from synapse_sync.config import find_config, ledger_path, load
    from synapse_sync.control import ask
    from synapse_sync.errors import NotRunning
    from synapse_sync.ledger import open_for_writing
    from synapse_sync.status.stories import find_units
    from synapse_sync.status.words import many
    from synapse_sync.steps.forget import forget_units

    path = find_config(ctx.obj)
    try:
        count = ask(path, "forget", keys=keys, registered=registered)["count"]
    except NotRunning:
        with open_for_writing(ledger_path(load(path)), create=False) as ledger:
            rows = [row for key in keys for row in find_units(ledger, key)]
            count = forget_units(ledger, rows, registered=registered, now=time.time())
    again = "; what the server has is registered again" if registered else ""
    typer.echo(f"{many(count, 'unit')} forgotten: the next run takes the files as new{again}")
