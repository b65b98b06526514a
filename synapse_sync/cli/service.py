"""`service`: put the systemd unit in place, take it away, see how it is."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from synapse_sync.installation.place import Place

app = typer.Typer(help="The systemd service: put it in place, take it away, see how it is.", no_args_is_help=True)

User = Annotated[bool, typer.Option("--user", help="A service of your own, with your rights.")]
Instance = Annotated[
    str,
    typer.Option("--instance", metavar="NAME", help="One of several: reads NAME.toml and has a ledger of its own."),
]


@app.command()
def install(
    ctx: typer.Context,
    user: User = False,
    instance: Instance = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, show the files, and change nothing.")] = False,
) -> None:
    """Check that the service can read what it needs, write its unit, enable it, start it, and wait until it is ready.

    Nothing is written unless the service's own user can read the program, the config, the token and every feed. What
    was not written by this command is never replaced.
    """
    from synapse_sync.config import load
    from synapse_sync.installation import systemctl
    from synapse_sync.installation.install import install as put_in_place
    from synapse_sync.installation.install import planned
    from synapse_sync.installation.place import place_of

    place = place_of(user=user, instance=instance)
    if not dry_run:
        _needs_root(place, "install")
        systemctl.require_running()
    files, found = planned(place, load(ctx.obj or place.config), os.path.abspath(sys.executable))
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if dry_run:
        for path, text in files.items():
            typer.echo(f"# {path}\n{text}")
        return
    put_in_place(place, files)
    for path in files:
        typer.echo(f"written: {path}")
    _tell(place)
    if user:
        typer.echo("It ends when you log out, unless: loginctl enable-linger")


@app.command()
def uninstall(user: User = False, instance: Instance = "") -> None:
    """Stop the service and remove what `install` wrote. The ledger, the config and the token stay."""
    from synapse_sync.installation.install import uninstall as take_away
    from synapse_sync.installation.place import place_of

    place = place_of(user=user, instance=instance)
    _needs_root(place, "uninstall")
    for path in take_away(place):
        typer.echo(f"removed: {path}")
    kept = place.config if user else f"{place.config}, the ledger in {place.state} and the token"
    typer.echo(f"kept: {kept}")


@app.command()
def status(user: User = False, instance: Instance = "") -> None:
    """How the service is; exit code 0 if it runs."""
    from synapse_sync.installation.place import place_of

    raise typer.Exit(0 if _tell(place_of(user=user, instance=instance)) else 1)


def _tell(place: Place) -> bool:
    """Say how the service is; whether it runs."""
    from synapse_sync.cli.output import fields
    from synapse_sync.installation import systemctl

    systemctl.require_running()
    unit = systemctl.shown(place)
    if unit.get("LoadState") == "not-found":
        install = shlex.join(["synapse-sync", "service", "install", *place.options])
        typer.echo(f"{place.unit} is not installed; to do so: {'' if place.user else 'sudo '}{install}")
        return False
    scope = "--user " if place.user else ""
    well = unit["ActiveState"] in ("active", "reloading")
    typer.echo(f"{place.unit}: {unit['ActiveState']} ({unit['SubState']}), {unit['UnitFileState'] or 'not enabled'}")
    fields(
        {
            "says": unit["StatusText"],
            "process": unit["MainPID"] if well else "",
            "result": "" if unit["Result"] == "success" else unit["Result"],
            "started again": unit["NRestarts"] if unit["NRestarts"] != "0" else "",
            "log": f"journalctl {scope}-u {place.unit}",
        },
        indent=2,
    )
    return well


def _needs_root(place: Place, command: str) -> None:
    """The machine's services are root's to change; say the exact line."""
    from synapse_sync.errors import UsageError

    if not place.user and os.geteuid() != 0:
        program = [os.path.abspath(sys.executable), "-m", "synapse_sync"]
        line = shlex.join(["sudo", *program, "service", command, *place.options])
        raise UsageError(f"`service {command}` changes /etc/systemd/system", hint=f"{line}; or with --user")
    if place.user and os.geteuid() == 0:
        hint = "run it as that user, without sudo"
        raise UsageError("--user is for a user's own service, and this is root", hint=hint)
