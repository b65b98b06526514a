"""A TCP line to a server, which a test cuts, holds up or takes away."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

PIECE = 16 << 10


@dataclass
class Carried:
    """How many bytes a connection has carried to us, and how many it may."""

    most: int | None
    bytes: int = 0


class Line:
    """Listens at `port` while it is up, and passes on whatever comes, both ways.

    cut_after: how many bytes each connection may carry to us before it breaks, one figure for each that comes; those
    that follow carry all. silent: whether what the server says is held back from now on.
    """

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.port = 0
        self.cut_after: list[int] = []
        self.silent = False
        self.opened = 0
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []

    def up(self) -> None:
        """Listen, again at the same port where it did before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Let nobody connect any more, and cut what there is."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.opened += 1
                self._join(client, self.behind, Carried(self.cut_after.pop(0) if self.cut_after else None))

    def _join(self, client: socket.socket, port: int, carried: Carried) -> None:
        """What passes between a connection that came and one to the server."""
        server = socket.create_connection(("127.0.0.1", port))
        self._ends += [client, server]
        threading.Thread(target=self._pass, args=(client, server, Carried(None)), daemon=True).start()
        threading.Thread(target=self._pass, args=(server, client, carried), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, carried: Carried) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                while self.silent:
                    time.sleep(0.02)
                carried.bytes += len(piece)
                if carried.most is not None and carried.bytes > carried.most:
                    break
                target.sendall(self._passed_on(piece, carried))
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _passed_on(self, piece: bytes, carried: Carried) -> bytes:
        """What goes on of a piece."""
        return piece
