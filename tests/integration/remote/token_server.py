"""A server that says what a test wants it to, and one that gives tokens for the key of a service account."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Says = Callable[[str, bytes], tuple[int, dict[str, Any]]]


class serving:  # noqa: N801 - it reads as what it does
    """An HTTP server on this machine while the body runs: what it says to a path and a body, as JSON."""

    def __init__(self, says: Says) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, said = says(self.path, body)
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET  # noqa: N815 - http.server's name for it

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # It looks as often as this whether it is to end.
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Tokens:
    """Who gives tokens for a service account's key, and that key; each is another one, and lasts for so long.

    named: what the key's file, its account and its tokens are called.
    """

    def __init__(self, folder: Path, named: str = "") -> None:
        self.lasts, self.given, self.refuses = 3600, 0, False
        self.asked: list[bytes] = []
        self.named = named
        self.key = folder / f"{named}scans-reader.json"
        self.private = rsa.generate_private_key(65537, 2048)

    def says(self, _path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.asked.append(body)
        if self.refuses:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        self.given += 1
        token = f"{self.named}token-{self.given}"
        return 200, {"access_token": token, "expires_in": self.lasts, "token_type": "Bearer"}

    def write(self, address: str) -> None:
        kind, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        pem = self.private.private_bytes(kind, plain, serialization.NoEncryption()).decode()
        email = f"{self.named}scans@tests"
        about = {"type": "service_account", "client_email": email, "private_key": pem, "project_id": "tests"}
        self.key.write_text(json.dumps({**about, "token_uri": f"{address}/token", "private_key_id": "1"}))
