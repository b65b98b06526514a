"""`status`, `files`, `units`, `runs`: what the ledger knows. They only read, also while a daemon works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from synapse_sync.config import Config
    from synapse_sync.ledger import Ledger

files_app = typer.Typer(help="List files, or tell one file's story.", invoke_without_command=True)
units_app = typer.Typer(help="List data units, or tell one unit's story.", invoke_without_command=True)
runs_app = typer.Typer(help="List runs, or show one.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; its shape is documented in docs/json.md.")]
FeedName = Annotated[str | None, typer.Option("--feed", metavar="FEED", help="Only this feed.")]
StateName = Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]


@contextmanager
def reading(ctx: typer.Context) -> Iterator[tuple[Config, Ledger]]:
    """The configuration and its ledger, for reading."""
    from synapse_sync.config import find_config, ledger_path, load
    from synapse_sync.ledger import open_for_reading

    config = load(find_config(ctx.obj))
    with open_for_reading(ledger_path(config)) as ledger:
        yield config, ledger


def status(
    ctx: typer.Context,
    feeds: Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Only these feeds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each feed: counts, what is under way, what needs attention.

    Exit code 0 if all is well, 1 if something is held, incomplete or failed, a feed is paused, or the running
    synapse-sync does not answer.
    """
    from synapse_sync.cli.output import print_json
    from synapse_sync.cli.report import tell_daemon, tell_feed
    from synapse_sync.control import running
    from synapse_sync.status.snapshot import needs_attention, snapshot
    from synapse_sync.status.stories import feed_id

    with reading(ctx) as (config, ledger):
        for name in feeds or []:
            feed_id(ledger, name)
        result = snapshot(ledger, {feed.name for feed in config.feeds}, feeds or [])
        result["daemon"] = running(config.source, ledger.path)
    if as_json:
        print_json(result)
    else:
        tell_daemon(result["daemon"])
        for feed in result["feeds"]:
            tell_feed(feed)
        if not result["feeds"]:
            typer.echo("nothing has run yet")
    silent = result["daemon"] is not None and result["daemon"]["since"] is None
    raise typer.Exit(1 if silent or any(needs_attention(feed) for feed in result["feeds"]) else 0)


@files_app.callback()
def files(
    ctx: typer.Context, feed: FeedName = None, state: StateName = None, limit: Limit = 100, as_json: AsJson = False
) -> None:
    """List files with their states."""
    from synapse_sync.cli.report import named
    from synapse_sync.status import stories
    from synapse_sync.status.words import size

    def row(item: dict[str, Any]) -> list[object]:
        return [item["feed"], named(item), size(item["size"]), item["state"], item["unit"], item["reason"]]

    _list(
        ctx,
        lambda ledger: stories.list_files(ledger, feed=feed, state=_known_state(state, "file"), limit=limit),
        ("feed", "path", "size", "state", "unit", "why"),
        row,
        as_json,
    )


@files_app.command("show")
def files_show(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="As listed, or absolute.")],
    as_json: AsJson = False,
) -> None:
    """Tell one file's story: when it was seen, its checksums, its unit, what became of it."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.cli.report import tell_story
    from synapse_sync.status.roots import known_roots
    from synapse_sync.status.stories import file_story

    with reading(ctx) as (config, ledger):
        feeds = [(feed.name, known_roots(ledger, feed)) for feed in config.feeds]
        roots = [(name, root.path) for name, known in feeds for root in known.values() if root.storage is None]
        found = file_story(ledger, path, roots)
    if as_json:
        print_json(found)
        return
    for story in found:
        tell_story(story, title=f"{story['feed']}: {story['path']}")


@units_app.callback()
def units(
    ctx: typer.Context,
    feed: FeedName = None,
    state: StateName = None,
    meta_changed: Annotated[
        bool, typer.Option("--meta-changed", help="Only registered ones whose metadata has changed since.")
    ] = False,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List data units with their states."""
    from synapse_sync.status import stories

    def row(item: dict[str, Any]) -> list[object]:
        version = f" v{item['version']}" if item["version"] > 1 else ""
        why = item["reason"] or "; ".join(item["meta_changes"])
        return [item["feed"], item["key"] + version, item["state"], item["files"], item["server_id"], why]

    _list(
        ctx,
        lambda ledger: stories.list_units(
            ledger, feed=feed, state=_known_state(state, "unit"), limit=limit, meta_changed=meta_changed
        ),
        ("feed", "key", "state", "files", "server id", "why"),
        row,
        as_json,
    )


@units_app.command("show")
def units_show(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="FEED:UNIT_KEY, or the key alone where it is unique.")],
    as_json: AsJson = False,
) -> None:
    """Tell one unit's story: its files, meta, what was asked of the server, its whole history."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.cli.report import tell_story
    from synapse_sync.status.stories import unit_story

    with reading(ctx) as (_, ledger):
        found = unit_story(ledger, key)
    if as_json:
        print_json(found)
        return
    for story in found:
        version = f" (version {story['version']})" if story["version"] > 1 else ""
        tell_story(story, title=f"{story['feed']}:{story['key']}{version}")


@runs_app.callback()
def runs(ctx: typer.Context, feed: FeedName = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the newest runs that changed something or met a problem; those of an old day are one row."""
    from synapse_sync.status import stories
    from synapse_sync.status.words import run_in_words

    def row(item: dict[str, Any]) -> list[object]:
        several = f"{item['times']:,} runs of that day: " if item["times"] > 1 else ""
        did = several + run_in_words(item["counts"])
        return [item["id"], item["feed"], item["started_at"], did, "; ".join(item["problems"])]

    _list(
        ctx,
        lambda ledger: stories.list_runs(ledger, feed=feed, limit=limit),
        ("run", "feed", "started", "what it did", "problems"),
        row,
        as_json,
    )


@runs_app.command("show")
def runs_show(
    ctx: typer.Context, run: Annotated[int, typer.Argument(metavar="RUN", help="Its number.")], as_json: AsJson = False
) -> None:
    """Show one run with all that it counted."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.cli.report import tell_story
    from synapse_sync.status.stories import run_story

    with reading(ctx) as (_, ledger):
        found = run_story(ledger, run)
    if as_json:
        print_json(found)
    else:
        tell_story(found, title=f"run {found['id']} of {found['feed']}")


def _list(
    ctx: typer.Context,
    read: Callable[[Ledger], list[dict[str, Any]]],
    columns: tuple[str, ...],
    row: Callable[[dict[str, Any]], list[object]],
    as_json: bool,
) -> None:
    """Print a list as a table or as JSON, unless a subcommand does the talking."""
    if ctx.invoked_subcommand is not None:
        return
    from synapse_sync.cli.output import print_json, table

    with reading(ctx) as (_, ledger):
        items = read(ledger)
    if as_json:
        print_json(items)
    elif items:
        table(columns, [row(item) for item in items])
    else:
        typer.echo("none")


def _known_state(name: str | None, kind: str) -> str | None:
    from synapse_sync.errors import UsageError
    from synapse_sync.states import FileState, UnitState

    known = [state.value for state in (FileState if kind == "file" else UnitState)]
    if name is not None and name not in known:
        raise UsageError(f"{name} is no state of a {kind}", hint=f"states: {', '.join(known)}")
    return name
