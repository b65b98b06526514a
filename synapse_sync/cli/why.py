"""`why PATH`: what takes a file or leaves it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from synapse_sync.cli.look import AsJson, reading


def why(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="Of a file: in full, or below a feed's path.")],
    as_json: AsJson = False,
) -> None:
    """Tell one file's whole story: rule, settling, checksum, unit, metadata, attempts, what the server has."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.status.why import why as found

    with reading(ctx) as (config, ledger):
        stories = found(ledger, config.feeds, path)
    if as_json:
        print_json(stories)
        return
    for story in stories:
        _tell(story)


def _tell(story: Mapping[str, Any]) -> None:
    from synapse_sync.cli.output import fields
    from synapse_sync.cli.report import named, tell_meta
    from synapse_sync.shown import plain

    typer.echo(plain(f"{story['feed']}: {named(story)}"))
    file, unit, place = story["file"], story["unit"], story["place"] or {}
    fields(
        {
            "excluded": story["excluded"],
            "grouping": story["grouping"],
            "belongs": _belongs(place),
            "file": file and f"{file['state']}" + (f": {file['reason']}" if file["reason"] else ""),
            "first seen": file and file["first_seen"],
            "unchanged since": file and file["observed_at"],
            "next attempt": file and file["next_attempt"],
            "checksums": file and _checksums(file),
            "on the server": file
            and file["server_checksum"]
            and f"data file {file['data_file']}, {file['server_checksum']}",
            "unit": unit and f"{unit['key']}, {unit['state']}" + (f": {unit['reason']}" if unit["reason"] else ""),
            "registered": unit and unit["server_id"] and f"as {unit['server_id']} at {unit['registered_at']}",
            "unit's next try": unit and unit["next_attempt"],
        },
        indent=2,
    )
    tell_meta(unit or {})
    if file:
        _tell_history(file, unit)
    elif not story["excluded"]:
        typer.echo("  no listing has shown it yet: it is not there, or was made since the last run")


def _checksums(file: Mapping[str, Any]) -> str:
    if not file["md5"]:
        return ""
    if not file["sha1"]:
        return f"md5 {file['md5']}, which its source vouches for; it was not read"
    return f"md5 {file['md5']}, sha1 {file['sha1']}"


def _belongs(place: Mapping[str, Any]) -> str:
    if place.get("aside"):
        return f"to no unit ({place['aside']}): {place['reason']}"
    if not place.get("key"):
        return ""
    return f"to unit {place['key']} as {' or '.join(place['specs'])}, told by {place['told_by']}"


def _tell_history(file: Mapping[str, Any], unit: Mapping[str, Any] | None) -> None:
    from synapse_sync.cli.output import table

    moves = [("file", move) for move in file["history"]] + [
        ("unit", move) for move in (unit["history"] if unit else [])
    ]
    rows = [
        (move["at"], what, f"{move['was']} → {move['became']}", move["code"], move["detail"] + _several(move))
        for what, move in sorted(moves, key=lambda each: each[1]["at"])
    ]
    table(("when", "what", "became", "because", "detail"), rows)


def _several(move: Mapping[str, Any]) -> str:
    return f" (the last of {move['times']:,} changes since {move['since']})" if move["times"] > 1 else ""
