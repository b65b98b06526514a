"""The token that `login` keeps in ~/.synapse/config.json, where the Synapse SDK looks for it too (protocol §1).

The file is JSON: {"host", "access_token", "tenant", …}; other keys belong to other programs and are kept.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from synapse_sync.config.model import DEFAULT_URL
from synapse_sync.config.urls import parse_url, same_host
from synapse_sync.errors import CredentialsError

_OF_THE_HOST = ("user_token", "tenant")
"""Keys that mean something on the stored host only."""


class StoredLogin(NamedTuple):
    """A stored token and the host that it belongs to; tenant is "" where none is stored."""

    host: str
    token: str
    tenant: str

    def __repr__(self) -> str:
        return f"StoredLogin(host={self.host!r}, token=…, tenant={self.tenant!r})"


def read_login(path: Path) -> StoredLogin | None:
    """The stored login, or None where there is no file or no token in it. Raises CredentialsError."""
    content = _read(path)
    token = content.get("access_token")
    if not isinstance(token, str) or not token.strip():
        return None
    return StoredLogin(_host(content, path), token, str(content.get("tenant") or ""))


def store_login(path: Path, host: str, token: str) -> None:
    """Store a token and its host for the user alone (mode 0600), whole or not at all.

    What belongs to another host's login is removed; everything else in the file stays. Raises CredentialsError.
    """
    content = _read(path)
    if any(content.get(key) for key in _OF_THE_HOST) and not same_host(_host(content, path), host):
        for key in _OF_THE_HOST:
            content.pop(key, None)
    content |= {"host": host, "access_token": token}
    target = os.path.realpath(path)
    try:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        _replace(target, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise CredentialsError(
            f"the token can't be stored in {path}: {error.strerror}",
            hint="give the token in SYNAPSE_ACCESS_TOKEN or in an access_token_file instead",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CredentialsError(f"{path} can't be read: {error.strerror}", hint=f"see who may: ls -l {path}") from error
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CredentialsError(f"{path} is not a JSON object", hint="mend it or move it away, then log in again")
    return content


def _host(content: dict[str, Any], path: Path) -> str:
    try:
        return parse_url(str(content.get("host") or DEFAULT_URL))
    except ValueError as error:
        raise CredentialsError(f"{path}: host {error}", hint="log in again: synapse-sync login") from None


def _replace(target: str, text: str) -> None:
    """Write a file of mode 0600 beside the target and put it in its place; a crash leaves the old or the new one."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".login-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError:
        os.unlink(temporary)
        raise
