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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synapse_sync.config import socket_places
from synapse_sync.errors import ControlRefused, NotRunning, SynapseSyncError, UsageError
from synapse_sync.ledger.lock import holder

LONGEST = 1 << 20
"""Bytes of one message: a command names units, an answer tells of feeds."""

WAIT = 120.0
"""Seconds that a command waits for its answer."""

SOON = 5.0
"""Seconds after which `status` and `doctor` say that it does not answer: how it is needs no turn."""

TURN = 90.0
"""Seconds that what it asks for may wait for its turn: the daemon does it between two pieces of its work."""

CROWDED = 1.0
"""Seconds after which another caller is let in where the daemon has no more files to open."""

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
log = logging.getLogger(__name__)


class Door:
    """The daemon's end, open from look() to close(). answer(command, arguments) is called from several threads."""

    def __init__(self, config_file: Path, answer: Answer) -> None:
        self._places = socket_places(config_file)
        self._answer = answer
        self._listener: socket.socket | None = None
        self._server: threading.Thread | None = None
        self._path: Path | None = None
        self._inode = 0

    def look(self) -> None:
        """Open it, and again where somebody has taken the socket away; where it can have no place, say so."""
        serves = self._server is not None and self._server.is_alive()
        if serves and self._path is not None and _inode_at(self._path) == self._inode:
            return
        self._shut()
        for place in self._places:
            with contextlib.suppress(OSError):
                place.parent.mkdir(mode=0o700, exist_ok=True)
                if place.parent.stat().st_uid not in (os.geteuid(), 0):
                    continue  # somebody else's folder, made to be found here
                if (other := _connection(place)) is not None:
                    other.close()
                    continue  # another process serves this config, with another ledger
                self._open(place)
                return
        log.warning("commands can't reach this process: no socket could be made at %s", self._places[0])

    def close(self) -> None:
        """No more commands."""
        if self._path is not None and _inode_at(self._path) == self._inode:
            self._path.unlink(missing_ok=True)
        self._shut()

    def _open(self, place: Path) -> None:
        place.unlink(missing_ok=True)  # of a process that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listener.bind(os.fspath(place))
            place.chmod(0o660)
            listener.listen(8)
        except OSError:
            listener.close()
            raise
        self._listener, self._path, self._inode = listener, place, _inode_at(place)
        self._server = threading.Thread(target=self._serve, args=(listener,), name="control", daemon=True)
        self._server.start()

    def _shut(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._listener, self._path = None, None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ECONNABORTED):
                    return  # it was shut
                time.sleep(CROWDED)
                continue
            caller = threading.Thread(target=self._converse, args=(connection,), name="command", daemon=True)
            try:
                caller.start()
            except RuntimeError:  # the system grants no more threads: the caller is told nothing, and asks again
                connection.close()

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(WAIT)
            connection.sendall(json.dumps(self._reply(connection)).encode() + b"\n")

    def _reply(self, connection: socket.socket) -> dict[str, Any]:
        try:
            asked = json.loads(_received(connection))
            command = str(asked.pop("command"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _refusal(UsageError(f"this is no command: {error}"))
        try:
            return {"ok": self._answer(command, asked)}
        except SynapseSyncError as error:
            return _refusal(error)
        except Exception as fault:
            log.exception("the command %s failed", command)
            return _refusal(
                SynapseSyncError(f"unexpected {type(fault).__name__}: {fault}", hint="a fault, see the log")
            )


def _refusal(error: SynapseSyncError) -> dict[str, Any]:
    return {"error": {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}}


def _inode_at(place: Path) -> int:
    try:
        return place.lstat().st_ino
    except OSError:
        return 0


def ask(config_file: Path, command: str, *, wait: float = WAIT, **arguments: Any) -> dict[str, Any]:
    """Have the running daemon of this config file do something; its answer, for which it has `wait` seconds.

    Raises NotRunning, ControlRefused where this user may not reach it, it does not answer, or refuses, in its words.
    """
    with _connected(config_file) as connection:
        try:
            connection.settimeout(wait)
            connection.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            reply = json.loads(_received(connection))
        except TimeoutError as error:
            message = f"the running synapse-sync has not answered for {wait:.0f} s"
            raise ControlRefused(message, hint="look at its log; to restart it loses nothing") from error
        except (OSError, ValueError) as error:
            message = f"the running synapse-sync ended before it answered: {error}"
            raise ControlRefused(message, hint="look at `synapse-sync status`, then ask again") from error
    if "error" in reply:
        told = reply["error"]
        refused = ControlRefused(told["message"], hint=told["hint"])
        refused.exit_code = told["exit_code"]
        raise refused
    return dict(reply["ok"])


def running(config_file: Path, ledger: Path) -> dict[str, Any] | None:
    """How the daemon of this config file is (commands.Commands.status); None where there is none.

    Of one that does not answer, or that this user may not ask: `problem`, no `since` and no feeds, and `pid` where the
    lock of the ledger tells it.
    """
    try:
        return ask(config_file, "status", wait=SOON)
    except NotRunning:
        return None
    except ControlRefused as error:
        process = holder(ledger)
        holds = f"process {process} holds the ledger and does not answer: " if process is not None else ""
        return {"pid": process, "since": None, "problem": f"{holds}{error}", "feeds": []}


def _connected(config_file: Path) -> socket.socket:
    """A connection to the daemon. Raises NotRunning, ControlRefused."""
    refused = None
    for place in socket_places(config_file):
        try:
            connection = _connection(place)
        except PermissionError:
            refused = refused or place
            continue
        except BlockingIOError as error:
            message = f"the running synapse-sync lets nobody in at {place}: too many wait there"
            raise ControlRefused(message, hint="look at its log, and restart it") from error
        if connection is not None:
            return connection
    if refused is not None and not _is_ours(config_file):
        words = f"this user may not speak to a running synapse-sync at {refused}"
        raise ControlRefused(words, hint="put `sudo` before the command")
    raise NotRunning(
        f"no synapse-sync runs with {config_file}",
        hint="start it: `sudo systemctl start synapse-sync`, or `synapse-sync run` in the foreground",
    )


def _connection(place: Path) -> socket.socket | None:
    """A connection to who listens there; None where nobody does.

    Raises PermissionError, and BlockingIOError where more callers wait than the kernel lets wait (unix(7), listen(2)).
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(WAIT)
    try:
        connection.connect(os.fspath(place))
    except (PermissionError, BlockingIOError):
        connection.close()
        raise
    except OSError:
        connection.close()
        return None
    return connection


def _is_ours(config_file: Path) -> bool:
    """Whether this user's own daemon would serve this config, and not the service."""
    with contextlib.suppress(OSError):
        return config_file.stat().st_uid == os.geteuid()
    return False


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
