"""Feeds, runs, files and units in words, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from synapse_sync.cli.output import fields, table
from synapse_sync.shown import plain
from synapse_sync.status.words import account_in_words, audited_in_words, many, run_in_words, size

DESCRIBED = ("meta", "meta_sources")
ITSELF = "the unit itself"  # the source of meta that every unit has


def tell_daemon(daemon: Mapping[str, Any] | None) -> None:
    """Whether `run` is at work, and what it is at."""
    if daemon is None:
        typer.echo("not running: `synapse-sync run` or the service watches; `synapse-sync once` syncs now\n")
        return
    if daemon["since"] is None:
        typer.echo(f"{plain(daemon['problem'])}\n")
        return
    typer.echo(f"running since {daemon['since']} (process {daemon['pid']})")
    if daemon["problem"]:
        typer.echo(f"  {plain(daemon['problem'])}")
    for feed in daemon["feeds"]:
        if feed["paused"]:
            doing = "rests until `synapse-sync resume`"
        else:
            doing = f"at work: {feed['doing']}" if feed["doing"] else f"looks again in {feed['next_look']:.0f} s"
        typer.echo(f"  {plain(feed['name'])}: {doing}" + (f"; {plain(feed['trouble'])}" if feed["trouble"] else ""))
        for root in feed["watched"]:
            _tell_polled(root)
    typer.echo("")


def _tell_polled(root: Mapping[str, Any]) -> None:
    """Why events don't tell of all that changes below a root, and what to do about it."""
    if root["why"]:
        polled = f"{many(root['by_polling'], 'folder')} polled, {root['by_events']:,} watched"
        typer.echo(f"    {plain(root['root'])}: {polled}: {plain(root['why'])}")
    if root["remedy"]:
        typer.echo(f"      → {root['remedy']}")


def tell_feed(feed: Mapping[str, Any]) -> None:
    """One feed as `status` shows it."""
    units = ", ".join(f"{count:,} {state}" for state, count in sorted(feed["units"].items())) or "none yet"
    sending = feed["to_send"]
    last = feed["last_run"]
    audit = feed["last_audit"]
    typer.echo(feed["name"] + ("" if feed["configured"] else " (not in the config any more)"))
    fields(
        {
            "paused": feed["paused"],
            "files": account_in_words(feed["account"]),
            "units": units,
            "to send": f"{size(sending['bytes'])} in {many(sending['contents'], 'file')}"
            if sending["contents"]
            else "",
            "grouping": feed["grouping"],
            "problems": "; ".join(last["problems"]) if last else "",
            "last run": f"{last['started_at']}: {run_in_words(last['counts'])}"
            if last
            else "none that changed anything",
            "last audit": f"{audit['at']}: {audited_in_words(audit['counts'])}" if audit else "",
        },
        indent=2,
    )
    _tell_waiting(feed)


def _tell_waiting(feed: Mapping[str, Any]) -> None:
    """What waits by itself, and what waits for a person."""
    for name, title in (("waiting", "waits"), ("attention", "needs attention")):
        if feed[name]:
            rows = [(item["what"], item["state"], item["reason"]) for item in feed[name]]
            table((title, "state", "why"), rows)


def tell_story(story: Mapping[str, Any], *, title: str) -> None:
    """One file, unit or run with everything known of it: plain fields first, then lists as tables."""
    typer.echo(plain(title))
    story, described = {name: value for name, value in story.items() if name not in DESCRIBED}, story
    lists = {name: value for name, value in story.items() if isinstance(value, list) and value}
    fields({name: value for name, value in story.items() if name not in lists}, indent=2)
    tell_meta(described)
    for name, items in lists.items():
        if isinstance(items[0], dict):
            columns = [column for column in items[0] if any(item[column] not in _blank(column) for item in items)]
            rows = [[item[column] for column in columns] for item in items]
            table([column.replace("_", " ") for column in columns], rows, title=name.replace("_", " "))
        else:
            fields({f"{name} {index}": item for index, item in enumerate(items, 1)}, indent=2)


def _blank(column: str) -> tuple[object, ...]:
    """What is not worth a column where every row has it: a change stands for itself alone, mostly."""
    return (None, "", 1) if column == "times" else (None, "")


def tell_meta(unit: Mapping[str, Any]) -> None:
    """A unit's meta, with where each value came from."""
    if unit.get("meta"):
        sources = unit["meta_sources"]
        table(("meta", "value", "from"), [(name, value, sources.get(name, "")) for name, value in unit["meta"].items()])


def tell_run(result: Mapping[str, Any]) -> None:
    """What one feed's run did, what it met, and the account of every file."""
    typer.echo(f"{result['name']}: {run_in_words(result['run']['counts'])}")
    if result["run"]["counts"].get("excluded"):
        typer.echo(f"  {result['run']['counts']['excluded']:,} excluded by the filters")
    typer.echo(f"  {account_in_words(result['account'])}")
    if (settling := result["files"].get("seen", 0) - result["run"]["counts"].get("being_written", 0)) > 0:
        typer.echo(f"  {many(settling, 'file')} still settling; the next run takes them")
    for problem in result["run"]["problems"]:
        typer.echo(f"  problem: {plain(problem)}")
    _tell_waiting(result)


def tell_plan(feed: Mapping[str, Any]) -> None:
    """What `once` would do with one feed."""
    typer.echo(feed["name"])
    totals = feed["totals"]
    bound = "" if totals["exact"] else "at most "
    fields(
        {
            "problem": feed["problem"],
            "grouping": feed["grouping"].get("summary", "as configured"),
            "would register": f"{many(totals['to_register'], 'unit')}, sending {bound}{size(totals['bytes_to_send'])}",
            "registered already": totals["units"].get("registered", 0) or "",
            "aside": many(totals["aside"], "file") if totals["aside"] else "",
            "unreadable": "; ".join(feed["unreadable"]),
        },
        indent=2,
    )
    if feed["units"]:
        rows = [
            (
                unit["key"] + (f" v{unit['version']}" if unit["version"] > 1 else ""),
                unit["state"],
                ", ".join(f"{spec}: {file['path']}" for spec, file in unit["files"].items()),
                _meta_in_words(unit),
                unit["reason"] or (f"the server {unit['server_says']}" if unit["server_says"] else ""),
            )
            for unit in feed["units"]
        ]
        table(("unit", "state", "files", "meta", "why"), rows)
    if feed["aside"]:
        table(("left aside", "state", "why"), [(named(item), item["state"], item["reason"]) for item in feed["aside"]])


def _meta_in_words(unit: Mapping[str, Any]) -> str:
    """A unit's meta with where it came from, but for what every unit has by itself."""
    own = {name: value for name, value in unit["meta"].items() if unit["meta_sources"].get(name, ITSELF) != ITSELF}
    return "; ".join(f"{name} = {value} ({unit['meta_sources'][name]})" for name, value in own.items())


def named(item: Mapping[str, Any]) -> str:
    """A file's path, after its asset where the feed has several."""
    return f"[{item['asset']}] {item['path']}" if item["asset"] else str(item["path"])
