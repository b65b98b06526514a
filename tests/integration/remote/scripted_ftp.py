"""An FTP server with one file, `a`, that answers as a test wants it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

CONTENT = b"0123456789"
FACTS = b"type=file;size=%d;modify=20200101000000; a\r\n" % len(CONTENT)
ANSWERS = {
    "": b"220 hello\r\n",
    "USER": b"331 whose?\r\n",
    "PASS": b"230 welcome\r\n",
    "FEAT": b"211-that is\r\n MLST type*;size*;modify*;\r\n211 all\r\n",
    "PWD": b'257 "/"\r\n',
    "REST": b"350 from there\r\n",
}
"""By command; "" is what it begins with."""


class ScriptedFtp:
    """Listens at `port` until it is down; what `says` names is answered with that, for good if it ends in no line."""

    def __init__(self, says: Mapping[str, bytes], *, rests: bool = True) -> None:
        self._says = {**ANSWERS, **says}
        self._rests = rests
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def down(self) -> None:
        """Let nobody connect any more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._attend, args=(self._listener.accept()[0],), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        start, passive = 0, None
        with suppress(OSError), client, client.makefile("rb") as lines:
            self._say(client, self._says[""])
            for line in lines:
                command, _, what = line.decode("latin-1").strip().partition(" ")
                if command in self._says:
                    self._say(client, self._says[command])
                    start = int(what) if command == "REST" and self._rests else 0
                elif command == "PASV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    self._say(client, b"227 (127,0,0,1,%d,%d)\r\n" % divmod(passive.getsockname()[1], 256))
                elif command == "MLST":
                    facts = FACTS if what == "/a" else b"type=dir; /\r\n"
                    self._say(client, b"250-this is\r\n " + facts + b"250 it\r\n")
                elif command in ("MLSD", "RETR") and passive is not None:
                    self._say(client, b"150 it comes\r\n")
                    with passive, passive.accept()[0] as data:
                        data.sendall(CONTENT[start:] if command == "RETR" else FACTS)
                    self._say(client, b"226 that was it\r\n")
                else:
                    self._say(client, b"200 well\r\n")

    @staticmethod
    def _say(client: socket.socket, words: bytes) -> None:
        client.sendall(words)
        while not words.endswith(b"\n"):
            client.sendall(words * 1000)
