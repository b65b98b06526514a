"""`verify`: the ledger held against what the server has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synapse_sync.cli.look import AsJson

if TYPE_CHECKING:
    from synapse_sync.auditing import Audit
    from synapse_sync.config import Config, Feed
    from synapse_sync.deep import Read
    from synapse_sync.ledger import Ledger

AT_ONCE = 500  # units that the daemon is asked to put back with one call: each costs it a write to the disk


def verify(
    ctx: typer.Context,
    feeds: Annotated[
        list[str] | None, typer.Argument(metavar="[FEED]...", help="Only these feeds' collections.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the files that were registered on their source's word, and compare.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Have what is missing made again by the next run.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before repairing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the ledger with the server: units that are missing, different or unknown, contents that are gone.

    Exit code 0 if everything that was registered is there (and, with --deep, is what it was taken for), 1 if not.
    """
    from synapse_sync.assembly import chosen_feeds, open_destination
    from synapse_sync.auditing import audit, described
    from synapse_sync.cli.output import print_json
    from synapse_sync.config import find_config, ledger_path, load, resolve
    from synapse_sync.ledger import open_for_reading
    from synapse_sync.steps.learn import recall

    config = load(find_config(ctx.obj))
    chosen = chosen_feeds(config, feeds or [])
    collections = sorted({feed.data_collection for feed in chosen})
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_reading(ledger_path(config)) as ledger,
    ):
        recall(ledger, destination)
        destination.learn()
        audits = [audit(ledger, destination, collection, time.time) for collection in collections]
        told = [described(ledger, one) for one in audits]
        if not as_json:
            for one in told:
                _tell(one)
        if repair:
            told = [
                {**one, "put_back": _repair(config, ledger, found, asking=not yes)}
                for one, found in zip(told, audits, strict=True)
            ]
    trusted = _read_what_was_trusted(config, chosen) if deep else None
    if as_json:
        print_json({"collections": told, **({} if trusted is None else {"deep": trusted})})
    elif trusted is not None:
        _tell_deep(trusted)
    well = all(one.well for one in audits) and not (trusted and (trusted["wrong"] or trusted["unread"]))
    raise typer.Exit(0 if well else 1)


def _read_what_was_trusted(config: Config, feeds: list[Feed]) -> dict[str, Any]:
    """{"read": how many files, "wrong": see deep.conclude, "unread": {"feed", "path", "why"} each}."""
    from synapse_sync.config import ledger_path
    from synapse_sync.deep import read_again
    from synapse_sync.ledger import open_for_reading

    found: dict[str, Any] = {"read": 0, "wrong": [], "unread": []}
    for feed in feeds:
        with open_for_reading(ledger_path(config)) as ledger:
            for read, unread in read_again(ledger, feed):
                found["read"] += len(read)
                found["wrong"] += _conclude(config, feed.name, read)
                found["unread"] += [{"feed": feed.name, **one._asdict()} for one in unread]
    return found


def _conclude(config: Config, feed: str, read: list[Read]) -> list[dict[str, Any]]:
    """Through the running daemon, else with the ledger's lock."""
    from synapse_sync.config import ledger_path
    from synapse_sync.control import ask
    from synapse_sync.deep import conclude
    from synapse_sync.errors import NotRunning
    from synapse_sync.ledger import open_for_writing

    try:
        wrong: list[dict[str, Any]] = ask(config.source, "conclude", feed=feed, read=[list(one) for one in read])[
            "wrong"
        ]
    except NotRunning:
        with open_for_writing(ledger_path(config), create=False) as ledger:
            return conclude(ledger, feed, read, time.time)
    return wrong


def _tell_deep(found: dict[str, Any]) -> None:
    from synapse_sync.cli.output import table
    from synapse_sync.status.words import many

    typer.echo(
        f"{many(found['read'], 'file')} read that were taken on their source's word; {len(found['wrong']):,} wrong"
    )
    rows = [(f"{one['feed']}: {one['path']}", one["why"]) for one in [*found["wrong"], *found["unread"]]]
    if rows:
        table(("file", "what is wrong"), rows)


def _tell(found: dict[str, Any]) -> None:
    from synapse_sync.cli.output import table

    counts = found["counts"]
    typer.echo(
        f"data collection {found['data_collection']}: {counts['listed']:,} units there, {counts['ours']:,} of this "
        f"ledger; {counts['missing']:,} missing, {counts['different']:,} different, {counts['extra']:,} not of this "
        f"ledger, {counts['lacking']:,} contents lacking"
    )
    rows = [
        *((_unit(one), one["server_id"], _missing_words(one)) for one in found["missing"]),
        *((_unit(one), one["server_id"], one["why"]) for one in found["different"]),
        *((path, "", "the server lacks this content") for path in found["lacking"]),
    ]
    if rows:
        table(("unit or file", "server id", "what is wrong"), rows)


def _unit(one: dict[str, Any]) -> str:
    return f"{one['feed']}:{one['key']}" + (f" v{one['version']}" if one["version"] > 1 else "")


def _missing_words(one: dict[str, Any]) -> str:
    return "missing" if one["repairable"] else "missing, and its files are not here as they were sent"


def _repair(config: Config, ledger: Ledger, found: Audit, *, asking: bool) -> int:
    """Put back what can be, after asking; returns how many units."""
    from synapse_sync.auditing import repairable
    from synapse_sync.cli.dialogue import confirmed
    from synapse_sync.status.words import many

    rows = repairable(ledger, found)
    if not rows:
        return 0
    if asking:
        for row in rows:
            typer.echo(f"  {row['feed']}:{row['key']}", err=True)
        if not confirmed(f"Have {many(len(rows), 'unit')} made again by the next run?"):
            return 0
    done = _put_back(config, [(row["id"], row["server_id"]) for row in rows])
    typer.echo(f"{many(done, 'unit')} will be made again by the next run", err=True)
    return done


def _put_back(config: Config, units: list[tuple[int, int]]) -> int:
    """Through the running daemon, else with the ledger's lock."""
    from synapse_sync.auditing import put_back
    from synapse_sync.config import ledger_path
    from synapse_sync.control import ask
    from synapse_sync.errors import NotRunning
    from synapse_sync.ledger import open_for_writing

    try:
        parts = [units[at : at + AT_ONCE] for at in range(0, len(units), AT_ONCE)]
        return sum(int(ask(config.source, "put_back", units=part)["count"]) for part in parts)
    except NotRunning:
        with open_for_writing(ledger_path(config), create=False) as ledger:
            return put_back(ledger, units, time.time)
