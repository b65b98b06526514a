"""A line to an FTP server, whose data connections it carries as well."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress

from .line import Carried, Line

_PASSIVE = re.compile(rb"^227 [^(]*\(127,0,0,1,(\d+),(\d+)\)", re.MULTILINE)
_CODE = re.compile(rb"^\d{3} ", re.MULTILINE)


class FtpLine(Line):
    """Where the server names a port of its own for data, one of the line's is named. They break together.

    said: what the server's answers begin with from now on, in place of what.
    """

    def __init__(self, behind: int) -> None:
        super().__init__(behind)
        self.said: dict[bytes, bytes] = {}

    def _passed_on(self, piece: bytes, carried: Carried) -> bytes:
        piece = _CODE.sub(lambda code: self.said.get(code[0], code[0]), piece)
        found = _PASSIVE.search(piece)
        if found is None:
            return piece
        behind = int(found[1]) * 256 + int(found[2])
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        threading.Thread(target=self._serve_once, args=(listener, behind, carried), daemon=True).start()
        return piece.replace(found[0], b"227 Passive (127,0,0,1,%d,%d)" % divmod(port, 256))

    def _serve_once(self, listener: socket.socket, behind: int, carried: Carried) -> None:
        with suppress(OSError), listener:
            listener.settimeout(30)
            client, _ = listener.accept()
            client.settimeout(None)
            self._join(client, behind, carried)
