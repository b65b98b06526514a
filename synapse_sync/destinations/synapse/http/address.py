"""Where a server is: the URL that a person configured, taken apart once."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from synapse_sync.errors import ConfigError

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """`base` is scheme, host and path without a final slash; `path` its path alone; `host` "host" or "host:port"."""

    base: str
    path: str
    host: str


def parse_address(url: str) -> Address:
    """The address in `url`. Raises ConfigError for what can't be a server's URL (and never repeats a password)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as cause:
        raise ConfigError("server.url is not a URL", hint=str(cause)) from cause
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ConfigError("server.url must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("server.url must be scheme, host and path alone", hint="the token is configured elsewhere")
    path = parts.path.rstrip("/")
    if path.endswith("/v2"):
        raise ConfigError(f"server.url must not end with /v2: {parts.hostname}{path}", hint="leave /v2 out")
    try:
        hostname = parts.hostname.encode("idna").decode()
    except UnicodeError as cause:
        raise ConfigError(f"server.url: {parts.hostname} is no name of a host") from cause
    name = f"[{hostname}]" if ":" in hostname else hostname
    host = name if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{name}:{port}"
    return Address(f"{parts.scheme}://{host}{path}", path, host)
