"""`once` and `plan`: sync now, and what that would do."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synapse_sync.cli.look import AsJson
from synapse_sync.errors import DestinationError, Rejected, SynapseSyncError

if TYPE_CHECKING:
    from synapse_sync.config import Config, Credentials
    from synapse_sync.runner import Pass

SHOWN = 100  # units and files that `plan` lists unless told otherwise
RETRYING = 30.0  # seconds until a failed attempt is due that `once` waits out; later ones are for the next run

FeedNames = Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Only these feeds.")]


def once(
    ctx: typer.Context,
    feeds: FeedNames = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Don't wait for new files to settle.")] = False,
    infer: Annotated[
        bool, typer.Option("--infer-again", help="Forget how files group where that was inferred, and find out anew.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sync now: list, wait until what was seen has settled, list again, send, register, exit.

    Exit codes: 0 all well · 1 something is held, incomplete or failed, or a feed is paused · 2 configuration ·
    3 server unreachable or token refused · 4 the ledger or this machine.
    """
    from synapse_sync.assembly import chosen_feeds, open_destination, open_spool, put_to_work
    from synapse_sync.cli.alone import without_daemon
    from synapse_sync.cli.progress import Progress
    from synapse_sync.cli.stopping import stopping
    from synapse_sync.config import find_config, ledger_path, load
    from synapse_sync.ledger import open_for_writing
    from synapse_sync.logs import hide
    from synapse_sync.runner import Patience, sync
    from synapse_sync.steps.infer import infer_again
    from synapse_sync.storages import Storages

    gc.freeze()  # what was loaded stays
    gc.set_threshold(10_000, 20, 20)  # rows go by themselves: looking for cycles among them took 4 % of the CPU time
    config = load(find_config(ctx.obj))
    chosen = chosen_feeds(config, feeds or [])
    with (
        without_daemon() if infer else nullcontext(),
        stopping() as stop,
        open_destination(config, _credentials(config)) as destination,
        open_for_writing(ledger_path(config), create=True) as ledger,
        open_spool(config) as spool,
        Progress(shown=not as_json) as progress,
    ):
        storages = Storages(destination, hide, patience=RETRYING, stop=stop.asked)
        works = [
            put_to_work(
                config, feed, ledger, destination,
                patient=False, clock=time.time, watch=progress.watch(feed.name), stop=stop.asked,
                storages=storages, spool=spool,
            )
            for feed in chosen
        ]  # fmt: skip
        if infer:
            for work in works:
                infer_again(work)
        try:
            passes = sync(works, Patience(settling=not no_wait, retrying=RETRYING))
        except KeyboardInterrupt:
            progress.stop()
            typer.echo("ended at once: units whose answer was awaited may show as of unknown outcome", err=True)
            raise typer.Exit(stop.exit_code) from None
        progress.stop()
        code = _report(passes, as_json)
        if stop.signal:
            typer.echo("interrupted: nothing is lost, the next run goes on where this one stopped", err=True)
            code = stop.exit_code
    raise typer.Exit(code)


def plan(
    ctx: typer.Context,
    feeds: FeedNames = None,
    checksum: Annotated[bool, typer.Option("--checksum", help="Read contents and ask the server what it has.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many units and files (100).")] = None,
    xlsx: Annotated[
        Path | None,
        typer.Option("--xlsx", metavar="FILE", help="Write it as a workbook too, all of it unless limited."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what `once` would do, and why. Takes no lock, writes nothing here or on the server."""
    from synapse_sync.assembly import chosen_feeds, open_destination
    from synapse_sync.cli.output import print_json
    from synapse_sync.cli.report import tell_plan
    from synapse_sync.config import find_config, load
    from synapse_sync.planning import plan as make_plan

    config = load(find_config(ctx.obj))
    chosen = chosen_feeds(config, feeds or [])
    with open_destination(config, _credentials(config)) as destination:
        most = limit or (sys.maxsize if xlsx else SHOWN)
        result = make_plan(config, chosen, destination, checksum=checksum, limit=most)
    if xlsx is not None:
        from synapse_sync.cli.plan_workbook import write_plan

        write_plan(result, xlsx)
    most_shown = limit or SHOWN
    if as_json:
        print_json(result)
    else:
        for feed in result["feeds"]:
            tell_plan({**feed, "units": feed["units"][:most_shown], "aside": feed["aside"][:most_shown]})
    waiting = any(feed["problem"] or feed["unreadable"] or feed["attention"] for feed in result["feeds"])
    raise typer.Exit(1 if waiting else 0)


def _credentials(config: Config) -> Credentials:
    """The token and where it goes; what is unwise about it is said on stderr."""
    from synapse_sync.config import resolve

    found = resolve(config)
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return found


def _stands(problem: SynapseSyncError) -> bool:
    """Whether a problem is one still: what failed on the way to the server was tried again, or needs attention now."""
    return not isinstance(problem, DestinationError) or isinstance(problem, Rejected)


def _report(passes: list[Pass], as_json: bool) -> int:
    """Say what the run did; returns the exit code."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.cli.report import tell_run
    from synapse_sync.status.snapshot import feed_snapshot, needs_attention

    codes = [0]
    results: list[dict[str, Any]] = []
    for one in passes:
        work = one.work
        row = work.ledger.query("feed_by_id", id=work.id)[0]
        feed = feed_snapshot(work.ledger, row)
        counts = {name: amount for name, amount in work.run.counts.items() if amount}
        results.append({**feed, "run": {"counts": counts, "problems": work.run.told()}})
        if one.hampered:
            codes.append(one.hampered.exit_code)
        elif needs_attention(feed) or any(map(_stands, work.run.problems)):
            codes.append(1)
    if as_json:
        print_json({"feeds": results, "exit_code": max(codes)})
    else:
        for result in results:
            tell_run(result)
    return max(codes)
