"""`demo` and `devserver`: the embedded backend, with the whole product on it or by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="PATH", exists=True, file_okay=False, help="Your own files; they are only read."
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="FOLDER", help="Where everything is left; a new folder here unless given."),
    ] = None,
) -> None:
    """Show the whole product at work on an embedded backend; nothing else is needed."""
    from tempfile import mkdtemp

    from synapse_sync.cli.demo import run_demo

    own = folder.resolve() if folder else None
    home = keep.resolve() if keep else _unused("synapse-sync-demo").resolve()
    if own and keep is None and home.is_relative_to(own):
        home = Path(mkdtemp(prefix="synapse-sync-demo-"))  # what the demo shows is only read
    run_demo(home, own)


def devserver(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
    ] = "127.0.0.1:8640",
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Where it keeps everything.")] = Path(
        "synapse-devserver"
    ),
    token: Annotated[str, typer.Option("--token", metavar="TOKEN", help="The access token that it takes.")] = "syn_dev",  # noqa: S107
) -> None:
    """Run the embedded Synapse backend, for trying this or any other Synapse script offline. Ctrl-C ends it."""
    from synapse_sync.devserver import Options, serve
    from synapse_sync.errors import UsageError

    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--listen takes HOST:PORT, not {listen}", hint="for example 127.0.0.1:8640")

    def ready(url: str) -> None:
        typer.echo(f"listening on {url}, data in {data.resolve()}, token {token}")

    serve(Options(data=data, token=token, host=host.strip("[]"), port=int(port)), on_ready=ready)


def _unused(name: str) -> Path:
    """A folder of this name in the working directory that isn't there yet."""
    path, number = Path(name), 1
    while path.exists():
        number += 1
        path = Path(f"{name}-{number}")
    return path
