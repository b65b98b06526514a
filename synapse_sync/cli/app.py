"""The command line: which commands there are, and how errors reach a person. Heavy imports are inside the commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from synapse_sync.cli import act, config, doctor, init, ledger, login, look, run, serve, service, sync, verify, why
from synapse_sync.errors import ConfigError, InstallationError, SynapseSyncError

app = typer.Typer(
    name="synapse-sync",
    help="Turns files that land in folders into Synapse data units, exactly once. Never changes the files.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    """Told before anything else is looked at, so that it needs no command."""
    if wanted:
        from synapse_sync import __version__

        typer.echo(f"synapse-sync {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The config file; else $SYNAPSE_SYNC_CONFIG, /etc/synapse-sync/config.toml, "
            "~/.config/synapse-sync/config.toml.",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options that stand before the command."""
    ctx.obj = config_file


app.command()(run.run)
app.command()(sync.once)
app.command()(sync.plan)
app.command()(look.status)
app.add_typer(look.files_app, name="files")
app.add_typer(look.units_app, name="units")
app.add_typer(look.runs_app, name="runs")
app.command()(why.why)
app.command()(act.retry)
app.command()(act.forget)
app.command()(verify.verify)
app.command()(run.pause)
app.command()(run.resume)
app.command()(run.trigger)
app.command()(run.reload)
app.command()(doctor.doctor)
app.command()(init.init)
app.command()(login.login)
app.add_typer(config.app, name="config")
app.add_typer(ledger.app, name="ledger")
app.add_typer(service.app, name="service")
app.command()(serve.demo)
app.command()(serve.devserver)


def main() -> None:
    """Run the command line; every error of ours ends as words and its exit code, never as a traceback."""
    try:
        app()
    except SynapseSyncError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("SYNAPSE_SYNC_TRACEBACK"):
            raise
        typer.echo(f"error: unexpected {type(error).__name__}: {error}", err=True)
        typer.echo("  This is a fault of synapse-sync. SYNAPSE_SYNC_TRACEBACK=1 shows where it happened.", err=True)
        sys.exit(4)


def _tell(error: SynapseSyncError) -> None:
    from synapse_sync.shown import plain

    typer.echo(f"error: {plain(error.message)}", err=True)
    if isinstance(error, ConfigError | InstallationError):
        for problem in error.problems:
            typer.echo(f"  {plain(problem)}", err=True)
    if error.hint:
        typer.echo(f"  → {plain(error.hint)}", err=True)
