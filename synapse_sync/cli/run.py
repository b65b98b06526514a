"""`run`, and the commands that speak to it: pause, resume, trigger, reload."""

from __future__ import annotations

import resource
import signal
from contextlib import suppress
from typing import Annotated, Any

import typer

ENOUGH_FILES = 65536

FeedNames = Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Only these feeds.")]


def run(ctx: typer.Context) -> None:
    """Watch the folders and sync for ever, in the foreground: what systemd starts.

    SIGTERM or Ctrl-C ends it in order, SIGHUP has it read the config again. Exit codes: 0 ended by a signal ·
    2 configuration · 4 the ledger or this machine. A server that is down or refuses the token is waited for.
    """
    from synapse_sync.config import find_config, ledger_path, load
    from synapse_sync.daemon import Daemon
    from synapse_sync.ledger import open_for_writing
    from synapse_sync.logs import configure

    for number in (signal.SIGHUP, signal.SIGUSR1):  # else they would end it: it reads the config just now
        signal.signal(number, signal.SIG_IGN)
    config = load(find_config(ctx.obj))
    configure(config.log)
    _open_many_files()
    with open_for_writing(ledger_path(config), create=True) as ledger:
        Daemon(config, ledger).live()


def _open_many_files() -> None:
    """Allow ourselves as many open files as the system lets us: each feed takes some, each upload takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < enough:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def pause(ctx: typer.Context, feeds: FeedNames = None) -> None:
    """Have the running daemon leave feeds alone until `resume`, over restarts too."""
    done = _ask(ctx, "pause", feeds=feeds or [])
    typer.echo(f"resting: {', '.join(done['feeds'])}")


def resume(ctx: typer.Context, feeds: FeedNames = None) -> None:
    """Have the running daemon go on with feeds that rest."""
    done = _ask(ctx, "resume", feeds=feeds or [])
    typer.echo(f"going on: {', '.join(done['feeds'])}")


def trigger(ctx: typer.Context, feeds: FeedNames = None) -> None:
    """Have the running daemon list everything and sync now."""
    done = _ask(ctx, "trigger", feeds=feeds or [])
    typer.echo(f"runs now: {', '.join(done['feeds'])}")
    if done["resting"]:
        typer.echo(f"  but {', '.join(done['resting'])} rests until `synapse-sync resume`", err=True)


def reload(ctx: typer.Context) -> None:
    """Have the running daemon read its config again; an invalid one changes nothing."""
    done = _ask(ctx, "reload")
    changes = [f"{what} {', '.join(done[what])}" for what in ("added", "removed", "changed") if done[what]]
    if done["restarted"]:
        changes.append("all feeds begin anew, as [server], [upload] or [schedule] changed")
    typer.echo("the config is in use" + (f": {'; '.join(changes)}" if changes else "; nothing changed"))


def _ask(ctx: typer.Context, command: str, **arguments: Any) -> dict[str, Any]:
    from synapse_sync.config import find_config
    from synapse_sync.control import ask

    return ask(find_config(ctx.obj), command, **arguments)
