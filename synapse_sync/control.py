"""The running daemon's door for commands: a local unix socket, one line of JSON in, one out.

    {"command": "trigger", "feeds": ["scans"]}  ─►  {"ok": {...}}  or  {"error": {"message", "hint", "exit_code"}}

Who may use it is decided by the folder that it stands in. Both ends find it by the config file's path.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synapse_sync.config import socket_places
from synapse_sync.errors import ControlRefused, NotRunning, SynapseSyncError

LONGEST = 1 << 20
"""Bytes of one message: a command names units, an answer tells of feeds."""

WAIT = 120.0
"""Seconds that a command waits for its answer: the daemon does it between two pieces of its work."""

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
log = logging.getLogger(__name__)


class Door:
    """The daemon's end, open from open() to close(). answer(command, arguments) is called from several threads."""

    def __init__(self, config_file: Path, answer: Answer) -> None:
        self._places = socket_places(config_file)
        self._answer = answer
        self._listener: socket.socket | None = None
        self.path: Path | None = None

    def open(self) -> None:
        """Listen at the first place that can be had; without one, say so and do without."""
        for place in self._places:
            with contextlib.suppress(OSError):
                place.parent.mkdir(mode=0o700, exist_ok=True)
                if place.parent.stat().st_uid not in (os.geteuid(), 0):
                    continue  # somebody else's folder, made to be found here
                place.unlink(missing_ok=True)  # of a process that was killed: whoever holds the ledger may take it
                listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
                listener.bind(os.fspath(place))
                place.chmod(0o660)
                listener.listen(8)
                self._listener, self.path = listener, place
                threading.Thread(target=self._serve, args=(listener,), name="control", daemon=True).start()
                return
        log.warning("commands can't reach this process: no socket could be made at %s", self._places[0])

    def close(self) -> None:
        """No more commands."""
        if self._listener is not None and self.path is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.path.unlink(missing_ok=True)
            self._listener = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), name="command", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(WAIT)
            try:
                asked = json.loads(_received(connection))
                reply: dict[str, Any] = {"ok": self._answer(asked.pop("command"), asked)}
            except SynapseSyncError as error:
                reply = {"error": {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                reply = {"error": {"message": f"this is no command: {error}", "hint": "", "exit_code": 2}}
            connection.sendall(json.dumps(reply).encode() + b"\n")


def ask(config_file: Path, command: str, **arguments: Any) -> dict[str, Any]:
    """Have the running daemon of this config file do something; its answer.

    Raises NotRunning, ControlRefused where this user may not reach it or it refuses, in its words.
    """
    with _connected(config_file) as connection:
        try:
            connection.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            reply = json.loads(_received(connection))
        except TimeoutError as error:
            message = f"the running synapse-sync has not answered for {WAIT:.0f} s"
            raise ControlRefused(message, hint="it is at a long piece of work and does it afterwards") from error
        except (OSError, ValueError) as error:
            raise NotRunning(f"the running synapse-sync ended before it answered: {error}") from error
    if "error" in reply:
        told = reply["error"]
        refused = ControlRefused(told["message"], hint=told["hint"])
        refused.exit_code = told["exit_code"]
        raise refused
    return dict(reply["ok"])


def running(config_file: Path) -> dict[str, Any] | None:
    """How the daemon of this config file is (commands.Commands.status); None where there is none to be asked."""
    try:
        return ask(config_file, "status")
    except ControlRefused:
        return None


def _connected(config_file: Path) -> socket.socket:
    for place in socket_places(config_file):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.settimeout(WAIT)
        try:
            connection.connect(os.fspath(place))
        except OSError as error:
            connection.close()
            if error.errno in (errno.EACCES, errno.EPERM):
                words = f"this user may not speak to the running synapse-sync at {place}"
                raise ControlRefused(words, hint="put `sudo` before the command") from error
            continue
        return connection
    raise NotRunning(
        f"no synapse-sync runs with {config_file}",
        hint="start it: `sudo systemctl start synapse-sync`, or `synapse-sync run` in the foreground",
    )


def _received(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = connection.recv(65536)
        if not piece:
            break
        line += piece
        if len(line) > LONGEST:
            raise ValueError("the message is too long")
    return line
