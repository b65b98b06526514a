"""`doctor`: everything that a run needs, looked at one by one, each with the line that repairs it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import typer

from synapse_sync.cli.look import AsJson

if TYPE_CHECKING:
    from synapse_sync.doctor import Finding

MARKS = {"ok": "ok", "warning": "WARN", "problem": "BAD"}
COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "problem": typer.colors.RED}


def doctor(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Look at everything that a run needs, and say what is wrong with the line that repairs it.

    Config, token, server, clock, collections, storage, folders, names, watch limits, ledger, disk, machine, service.
    Writes nothing and takes no lock; a running daemon does not mind. Exit codes: 0 nothing is broken, warnings or not ·
    1 a feed can't run · 2 configuration or token · 3 server or storage · 4 the ledger or this machine.
    """
    from synapse_sync.cli.output import print_json
    from synapse_sync.doctor import examine, exit_code

    found = []
    area = ""
    for finding in examine(ctx.obj, os.environ):
        found.append(finding)
        if not as_json:
            if finding.area != area:
                typer.secho(finding.area, bold=True)
                area = finding.area
            tell(finding)
    counts = Counter(finding.level for finding in found)
    code = exit_code(found)
    if as_json:
        numbers = {level: counts[level] for level in ("ok", "warning", "problem")}
        print_json({"findings": [finding._asdict() for finding in found], "counts": numbers, "exit_code": code})
    else:
        typer.echo(f"\n{counts['ok']} well, {counts['warning']} to think about, {counts['problem']} to repair")
    raise typer.Exit(code)


def tell(finding: Finding) -> None:
    """One finding for a person, its remedy on a line of its own that can be copied."""
    from synapse_sync.shown import plain

    feed = f"{finding.feed}: " if finding.feed else ""
    typer.secho(f"  {MARKS[finding.level]:<5}", fg=COLOURS[finding.level], nl=False)
    typer.echo(plain(f"{feed}{finding.words}"))
    if finding.remedy:
        typer.echo(f"       → {plain(finding.remedy)}")
