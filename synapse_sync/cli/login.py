"""`synapse-sync login`: keep a token where this program and the Synapse SDK find it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def login(
    host: Annotated[
        str | None, typer.Option("--host", metavar="URL", help="Address of the server; asked for unless given.")
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input instead of asking.")
    ] = False,
) -> None:
    """Store an access token in ~/.synapse/config.json, readable by you alone.

    The token is never an argument: the process list and the shell's history would show it.
    """
    from synapse_sync.config.credentials import checked_token, login_file
    from synapse_sync.config.model import DEFAULT_URL
    from synapse_sync.config.stored_login import store_login
    from synapse_sync.config.urls import parse_url
    from synapse_sync.errors import UsageError

    if not sys.stdin.isatty() and not (token_stdin and host):
        raise UsageError(
            "there is no terminal to ask for the server and its token",
            hint="synapse-sync login --host URL --token-stdin < FILE",
        )
    try:
        url = parse_url(host or typer.prompt("Address of the server", default=DEFAULT_URL))
    except ValueError as error:
        raise UsageError(f"--host {error}") from None
    text = sys.stdin.readline() if token_stdin else typer.prompt("Access token (not shown)", hide_input=True)
    path = login_file()
    store_login(path, url, checked_token(text, "what was entered"))
    typer.echo(f"The token for {url} is stored in {path}.")
