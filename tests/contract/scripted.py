"""A server whose raw answers are written down beforehand, for what no proper backend would ever say."""

import json
import re
import socket
import threading
from contextlib import contextmanager

CLOSE = "Connection: close"


def answer(body, status="200 OK", *headers):
    """A whole HTTP answer, the connection's last; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(text.encode())}", CLOSE, *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


def kept(raw):
    """The same answer without the word that it is the connection's last."""
    return raw.replace(f"{CLOSE}\r\n".encode(), b"")


class Scripted:
    """A server that answers each connection's one request with the next raw answer; None: not at all.

    It closes the connection afterwards, or keeps it open but deaf.
    """

    def __init__(self, answers, keep, tls):
        self.requests = []
        self.closed = threading.Semaphore(0)
        self._answers, self._keep, self._tls = answers, keep, tls
        self._kept = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"

    def serve(self):
        for raw in self._answers:
            connection, _ = self._socket.accept()
            try:
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._exchange(connection, raw)
            except OSError:
                connection.close()

    def _exchange(self, connection, raw):
        with connection.makefile("rb") as stream:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    raise ConnectionError("the client went away")
                head += line
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            self.requests.append((head.decode(), stream.read(int(length[1])) if length else b""))
        if raw is not None:
            connection.sendall(raw)
        if self._keep or raw is None:
            self._kept.append(connection)
        else:
            connection.close()
            self.closed.release()

    def stop(self):
        self._socket.close()
        for connection in self._kept:
            connection.close()


@contextmanager
def scripted(*answers, keep=False, tls=None):
    server = Scripted(answers, keep, tls)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        while thread.is_alive():  # answers that nobody asked for
            with socket.create_connection(server.address.split(":")) as unused:
                unused.shutdown(socket.SHUT_RDWR)
            thread.join(0.05)
        server.stop()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
