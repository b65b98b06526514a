"""`ledger check | backup | export | rebuild`: is it whole, keep a copy, get it out as JSON lines, begin anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synapse_sync.cli.look import reading

app = typer.Typer(help="Look after the ledger: check, backup, export, rebuild.", no_args_is_help=True)


@app.command()
def check(ctx: typer.Context) -> None:
    """Check the ledger's file and whether every file that was seen is accounted for. Exit code 4 if not."""
    from synapse_sync.errors import LedgerCorrupt
    from synapse_sync.ledger import integrity_problems
    from synapse_sync.status.snapshot import balanced, snapshot
    from synapse_sync.status.words import account_in_words

    with reading(ctx) as (config, ledger):
        problems = integrity_problems(ledger.path)
        for feed in snapshot(ledger, [feed.name for feed in config.feeds])["feeds"]:
            typer.echo(f"{feed['name']}: {account_in_words(feed['account'])}")
            if not balanced(feed["account"]):
                problems.append(f"the files of feed {feed['name']} do not add up")
        if problems:
            raise LedgerCorrupt(f"the ledger {ledger.path} is damaged: {'; '.join(problems)}", hint="restore a backup")
        typer.echo(f"{ledger.path}: all well")


@app.command()
def backup(ctx: typer.Context, target: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Copy the ledger, also while it is in use, and check the copy. Presigned URLs are left out of it."""
    from synapse_sync.errors import UsageError
    from synapse_sync.ledger.backups import copy_checked

    if target.exists():
        raise UsageError(f"{target} is there already", hint="name a new file")
    with reading(ctx) as (_, ledger):
        copy_checked(ledger.path, target)
    typer.echo(f"{target}: copied and checked")


@app.command()
def export(ctx: typer.Context) -> None:
    """Print the ledger as JSON lines: one object a row, its table in "table"; without upload parts, which hold URLs."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.ledger.export import rows

    with reading(ctx) as (_, ledger):
        for row in rows(ledger):
            print_json(row, indent=None)


@app.command()
def rebuild(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Replace a lost or damaged ledger by one made from what the server has, so that nothing is registered again.

    The old file is kept beside it. The next run reads all files, sends what the server lacks and recognises its units.
    """
    from synapse_sync.assembly import chosen_feeds, open_destination
    from synapse_sync.cli.alone import without_daemon
    from synapse_sync.cli.dialogue import confirmed
    from synapse_sync.config import find_config, ledger_path, load, resolve
    from synapse_sync.rebuilding import rebuild as rebuild_ledger

    config = load(find_config(ctx.obj))
    path = ledger_path(config)
    if not yes and not confirmed(f"Replace the ledger {path}? What is held or forgotten in it is lost."):
        raise typer.Exit(1)
    with without_daemon(), open_destination(config, resolve(config)) as destination:
        for feed, words in rebuild_ledger(config, chosen_feeds(config, []), destination, path):
            typer.echo(f"{feed}: {words}")
    typer.echo(f"{path}: made anew; the next run reads all files and recognises their units")
