"""The server's address: what is valid, which two addresses mean the same host, and which are unprotected.

Pure; text enters and leaves. Errors are ValueErrors in words that never repeat a password.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from synapse_sync.loopback import is_loopback

_PORTS = {"http": 80, "https": 443}


def parse_url(value: str) -> str:
    """The base URL of a server without its trailing slashes (protocol §1). Raises ValueError with what is wrong."""
    text = value.strip()
    if "://" not in text:
        raise ValueError(f'"{text}" is not a URL; write it with https:// in front')
    try:
        parts = urlsplit(text)
        valid = _is_http(text, parts)
    except ValueError:
        raise ValueError("is not a valid URL; write it like https://api.synapse.sh") from None
    if parts.username is not None:
        raise ValueError("holds a user or password; no secret stands in the URL")
    if not valid:
        raise ValueError(f'"{text}" is not an http or https URL; write it like https://api.synapse.sh')
    if parts.query or parts.fragment:
        raise ValueError(f'"{text}" must end before "?" and "#"')
    if "v2" in parts.path.split("/"):
        raise ValueError(f'"{text}" must not contain /v2; the API version is chosen with server.api')
    return text.rstrip("/")


def check_ping_url(value: str) -> str:
    """An address to call, or "" for none. Raises ValueError, which does not repeat it: it may be a secret."""
    try:
        valid = not value or _is_http(value, urlsplit(value))
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("is not an http or https URL; write it like https://ping.example.org/scans")
    return value


def without_secret(ping_url: str) -> str:
    """A valid address to call as it may be shown: who knows all of it can say that all is well."""
    parts = urlsplit(ping_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…" if ping_url else ""


def same_host(one: str, other: str) -> bool:
    """Whether scheme, host and port of two valid URLs are equal: only then may they share a token."""
    return _origin(urlsplit(one)) == _origin(urlsplit(other))


def is_unprotected(url: str) -> bool:
    """Whether a token sent to this valid URL crosses a network in clear: http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _is_http(text: str, parts: SplitResult) -> bool:
    """Whether it names a host that can be called. Raises ValueError for a port that is none."""
    named = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    return named and text.isprintable() and " " not in text


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]
