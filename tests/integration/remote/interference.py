"""An HTTP proxy in front of a server, which refuses, cuts off or holds up what a test wants it to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

PIECE = 16 << 10


class Asked(NamedTuple):
    """One request: which of all it is (from 1), its method, path with query, and headers in lower case."""

    number: int
    method: str
    path: str
    headers: dict[str, str]

    @property
    def lists(self) -> bool:
        """Whether it asks for a page of a listing: of S3, of Azure, or of Google Cloud Storage."""
        return "list-type=2" in self.path or "comp=list" in self.path or self.path.partition("?")[0].endswith("/o")


class Cut(NamedTuple):
    """The answer ends, with its connection, after so many bytes of its body; act() is done just before."""

    after: int = 0
    act: Callable[[], object] = lambda: None


class Answer(NamedTuple):
    """The server is not asked."""

    status: int
    body: str
    headers: str = ""


def refusal(status: int, code: str) -> Answer:
    """What S3 says when it refuses."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>")


Rule = Callable[[Asked], Cut | Answer | None]


@dataclass
class Proxy:
    """Listens at `port` while it is up; every request goes to the server's `behind`, unless rule() says otherwise."""

    behind: int
    rule: Rule = lambda _asked: None
    port: int = 0
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    _listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen, again at the same port where it did before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Let nobody connect any more."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def contents(self) -> list[Asked]:
        """The requests for an object's content: Google is asked what an object is with GET as well."""
        return [asked for asked in self.reads() if "/storage/v1/" not in asked.path or "alt=media" in asked.path]

    def reads(self) -> list[Asked]:
        """The requests for an object's content."""
        return [asked for asked in self.asked if asked.method == "GET" and not asked.lists]

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with suppress(OSError), self._secured(client) as client:
            head, _, body = self._head(client)
            if not head:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, path, _ = first.split(" ", 2)
            asked = Asked(len(self.asked) + 1, method, path, headers)
            self.asked.append(asked)
            while len(body) < int(headers.get("content-length", 0)):
                body += client.recv(PIECE)
            verdict = self.rule(asked)
            if isinstance(verdict, Answer):
                text = verdict.body.encode()
                said = (
                    f"HTTP/1.1 {verdict.status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(text)}\r\n"
                )
                client.sendall(
                    (said + verdict.headers).encode()
                    + b"Connection: close\r\n\r\n"
                    + (b"" if method == "HEAD" else text)
                )
                return
            kept = [line for line in lines if not line.lower().startswith("connection:")]
            self._pass_on(
                client, "\r\n".join([first, *kept, "Connection: close"]).encode() + b"\r\n\r\n" + body, verdict
            )

    def _secured(self, client: socket.socket) -> socket.socket:
        return client if self.tls is None else self.tls.wrap_socket(client, server_side=True)

    def _pass_on(self, client: socket.socket, request: bytes, cut: Cut | None) -> None:
        with socket.create_connection(("127.0.0.1", self.behind)) as server:
            server.sendall(request)
            head, end, body = self._head(server)
            if b"\r\nconnection: close" not in head.lower():
                head += b"\r\nConnection: close"
            client.sendall(head + end)
            sent = 0
            body = body or server.recv(PIECE)
            while body:
                if cut is not None and sent + len(body) >= cut.after:
                    client.sendall(body[: cut.after - sent])
                    server.close()  # else it may wait for us, where it is to end
                    cut.act()
                    return
                client.sendall(body)
                sent += len(body)
                body = server.recv(PIECE)

    @staticmethod
    def _head(peer: socket.socket) -> tuple[bytes, bytes, bytes]:
        found = b""
        while b"\r\n\r\n" not in found and (piece := peer.recv(PIECE)):
            found += piece
        return found.partition(b"\r\n\r\n")
