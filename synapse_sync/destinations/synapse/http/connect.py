"""One connection of our own to the server, plain or TLS, where no proxy stands between: lanes are made of these."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from functools import cached_property
from urllib.parse import urlsplit

from urllib3.exceptions import SSLError

from synapse_sync.destinations.synapse.http.errors import broken, no_connection


class Connector:
    """Opens connections to one server; `tls` makes what its certificate is held against."""

    def __init__(self, base: str, tls: Callable[[], ssl.SSLContext]) -> None:
        parts = urlsplit(base)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._make_tls = tls

    def connect(self, timeout: float) -> socket.socket:
        """A new connection; `timeout` in seconds for each of its steps. Raises Unreachable: nothing was sent yet."""
        doing = f"connect to {self._host}"
        try:
            plain = socket.create_connection((self._host, self._port), timeout)
        except OSError as cause:
            raise no_connection(str(cause), doing) from cause
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.wrap_socket(plain, server_hostname=self._host) if self._secure else plain
        except (ssl.SSLError, OSError) as cause:
            plain.close()
            failure = SSLError(cause) if isinstance(cause, ssl.SSLError) else cause
            raise broken(failure, doing, change=False) from cause

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._make_tls()


def named_bundle(ca_bundle: str | None) -> str | None:
    """The CA bundle or folder to trust: ours, else the one that the environment names for requests and curl."""
    return ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def trusting(certificates: str) -> ssl.SSLContext:
    """A context that trusts a CA bundle or a folder of certificates."""
    if os.path.isdir(certificates):
        return ssl.create_default_context(capath=certificates)
    return ssl.create_default_context(cafile=certificates)
