"""How the embedded backend listens: a socket for each of its two ports, and the HTTP server behind it."""

from __future__ import annotations

import os
import socket

import uvicorn
from starlette.types import ASGIApp

from synapse_sync.devserver.connections import Connections
from synapse_sync.errors import ServerError

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServerError where the port is taken or none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for the connections; else each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        raise ServerError(
            f"the embedded backend can't listen at {host}:{port}: {getattr(error, 'strerror', None) or error}",
            hint="stop the program that uses this port, or choose another with --listen HOST:PORT",
        ) from error
    return listening


def http_server(application: ASGIApp, connections: Connections) -> uvicorn.Server:
    """A server that is not running yet."""
    config = uvicorn.Config(
        application,
        http=connections.protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)
