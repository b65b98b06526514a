"""`init`: asks what a config needs, looks for itself, shows what would happen, and writes a commented config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of the Synapse server.")] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="A file that holds the access token alone.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", metavar="NUMBER", help="The data collection that files go into.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="FOLDER", help="The folder in which the files arrive.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What the feed is called.")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="LAYOUT", help="How files group: stem, directory (directory-2: two levels), or auto."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="FILE", help="The metadata table; none for no table.")
    ] = None,
    missing_row: Annotated[
        str | None, typer.Option("--missing-row", metavar="WHAT", help="A unit without a row: wait or register.")
    ] = None,
    sidecars: Annotated[
        bool | None, typer.Option("--sidecars/--no-sidecars", help="Whether sidecar files are read for metadata.")
    ] = None,
    settle: Annotated[
        str | None, typer.Option("--settle", metavar="TIME", help="How long a file must not have changed: 30s.")
    ] = None,
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="NUMBER", help="A project that gets a task per unit; none for none."),
    ] = None,
    add: Annotated[
        bool | None, typer.Option("--add/--no-add", help="Whether to add a feed to a config that is there already.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: the default of each question, and write.")] = False,
) -> None:
    """Write a config: asks what it needs to know, looks at the server and the folder, and shows what would happen.

    Each question has a default in brackets and can be answered by an option instead. A config that is there already is
    never replaced: a feed can be added at its end. --config FILE, before `init`, names the file. Ctrl-C ends it, and
    nothing is written.
    """
    from synapse_sync.cli.dialogue import Dialogue, Ended
    from synapse_sync.cli.interview import Given, Interview

    given = Given(
        url=url, token_file=token_file, collection=collection, path=path, name=name, by=by, table=table,
        missing_row=missing_row, sidecars=sidecars, settle=settle, project=project, add=add,
    )  # fmt: skip
    interview = Interview(Dialogue(yes=yes), given, ctx.obj)
    try:
        code = interview.hold()
    except (Ended, KeyboardInterrupt):
        typer.echo(f"\nEnded; no config was written.{interview.kept}", err=True)
        raise typer.Exit(130) from None
    raise typer.Exit(code)
