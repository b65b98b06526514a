"""`synapse-sync config check | show | schema`: is the config file right, what does it come to, what may stand in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from synapse_sync.config import Config, Feed
    from synapse_sync.storages import Told

app = typer.Typer(help="Look at the configuration: check, show, schema.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def check(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Check the config file: every mistake at once, each with its line. `doctor` looks at all that it speaks of.

    Of the server it asks where its storages are, if feeds read from them; one that it can't tell is a warning.
    With --json: {"config_file", "feeds" (names), "warnings" (sentences), "storages"}. Mistakes end with exit code 2.
    """
    from synapse_sync.cli.output import print_json
    from synapse_sync.config import command_for
    from synapse_sync.shown import plain
    from synapse_sync.status.words import many

    config = _load(ctx)
    storages, troubles = _storages(config)
    warnings = [*config.warnings, *troubles]
    if as_json:
        feeds = [feed.name for feed in config.feeds]
        about = {"config_file": str(config.source), "feeds": feeds, "warnings": warnings}
        print_json({**about, "storages": [_as_data(one) for one in storages]})
        return
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    for feed in config.feeds:
        typer.echo(f"feed {plain(_in_words(feed))}")
    for one in storages:
        typer.echo(plain(f"feed {_named(one)}: {one.words}"))
    typer.echo(f"{config.source}: all well, {many(len(config.feeds), 'feed')}")
    typer.echo(f"whether server, token and folders play along: {command_for(config.source)} doctor")


@app.command()
def show(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Print the configuration in effect, defaults included, as TOML; the token is masked, and so is ping_url.

    With --json: {"config_file", "ledger", "server" (address in use), "token": {"origin", "masked", "problem"},
    "warnings", "config" (as the file, in full)}.
    """
    from synapse_sync.cli.output import print_json
    from synapse_sync.config import ledger_path
    from synapse_sync.config.toml_text import toml_text
    from synapse_sync.config.urls import without_secret

    config = _load(ctx)
    server, token, warnings = _access(config)
    settings = config.model_dump(mode="json")
    settings["schedule"]["ping_url"] = without_secret(config.schedule.ping_url)
    about = {"config_file": str(config.source), "ledger": str(ledger_path(config)), "server": server}
    if as_json:
        print_json({**about, "token": token, "warnings": warnings, "config": settings})
        return
    for name, value in about.items():
        typer.echo(f"# {name.replace('_', ' ')}: {value}")
    typer.echo(f"# token: {token['problem'] or '{masked} from {origin}'.format(**token)}")
    for warning in warnings:
        typer.echo(f"# warning: {warning}")
    typer.echo("\n" + toml_text(settings), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors that complete and check TOML."""
    from synapse_sync.cli.output import print_json
    from synapse_sync.config import Config

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()})


def _in_words(feed: Feed) -> str:
    """What a feed comes to, in one line."""
    from synapse_sync.config.quantities import format_duration

    folders = ", ".join(f"{spec} {root.shown}" if spec else root.shown for spec, root in feed.asset_roots().items())
    by = {"directory": f"by directory, depth {feed.grouping.depth}", "auto": "as the files show"}
    grouped = by.get(feed.grouping.by, f"by {feed.grouping.by}")
    task = f", a task in project {feed.project} for each unit" if feed.project else ""
    settled = f"settled after {format_duration(feed.settle)}"
    return f"{feed.name}: {folders} to data collection {feed.data_collection}{task}; grouped {grouped}; {settled}"


def _storages(config: Config) -> tuple[list[Told], list[str]]:
    """The paths in the server's storages that are found, and what is wrong with the others."""
    from synapse_sync.assembly import open_destination
    from synapse_sync.config import resolve
    from synapse_sync.errors import SynapseSyncError
    from synapse_sync.storages import told

    if not any(root.storage is not None for feed in config.feeds for root in feed.asset_roots().values()):
        return [], []
    try:
        with open_destination(config, resolve(config)) as destination:
            found = list(told(config, destination))
    except SynapseSyncError as error:
        return [], [f"storages could not be asked for: {error}"]
    lost = [one for one in found if one.there is None]
    return [one for one in found if one.there is not None], [
        f"feed {_named(one)}: {one.words}" + (f" ({one.remedy})" if one.remedy else "") for one in lost
    ]


def _named(one: Told) -> str:
    return f"{one.feed}, {one.asset}" if one.asset else one.feed


def _as_data(one: Told) -> dict[str, Any]:
    names = {"feed": one.feed, "asset": one.asset, "storage": one.root.storage, "name": one.name}
    return {**names, "path": one.root.path, "place": one.there.path if one.there else ""}


def _load(ctx: typer.Context) -> Config:
    from synapse_sync.config import find_config, load

    named: Path | None = ctx.obj
    return load(find_config(named))


def _access(config: Config) -> tuple[str, dict[str, str | None], list[str]]:
    """The address in use, where its token comes from (or why there is none), and all warnings."""
    from synapse_sync.config import masked, resolve
    from synapse_sync.errors import CredentialsError

    try:
        found = resolve(config)
    except CredentialsError as error:
        return config.server.url, {"origin": None, "masked": None, "problem": str(error)}, config.warnings
    token = {"origin": found.origin, "masked": masked(found.token), "problem": None}
    return found.url, token, [*config.warnings, *found.warnings]
