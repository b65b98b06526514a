"""A service that is pinged: a server that notes each request."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

LONGEST = 30.0  # seconds that a test waits for a request


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class Listener:
    """A service that is pinged; it answers with `status`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._news = threading.Condition()
        self.status = {"GET": 200, "POST": 200}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                with listener._news:
                    listener.requests.append(Request(self.command, self.path, dict(self.headers), body))
                    listener._news.notify_all()
                self.send_response(listener.status[self.command])
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping/secret-id"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def heard(self, count: int) -> list[str]:
        """METHOD PATH BODY of each request, once there are so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.requests) >= count, LONGEST), self.requests
        return [f"{one.method} {one.path} {one.body}".strip() for one in self.requests]
