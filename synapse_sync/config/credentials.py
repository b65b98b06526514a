"""Which server to talk to and with which token, so that no host ever gets another host's token.

Every source of a token has a host that it belongs to: the environment's and systemd's belong to the server in use,
access_token_file's to server.url, the stored login's to the host stored beside it. The SDK resolves host and token
separately and so sends one host's token to another (protocol §1, credential trap 1); this module refuses.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from synapse_sync.config.locations import home
from synapse_sync.config.model import Config
from synapse_sync.config.stored_login import read_login
from synapse_sync.config.urls import is_unprotected, parse_url, same_host
from synapse_sync.errors import CredentialsError

CREDENTIAL_NAME = "synapse-access-token"
"""Name of the systemd credential (LoadCredential=)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The server in use and the token for it; `origin` says in words where the token came from."""

    url: str
    token: str
    tenant: str
    origin: str
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = f"token={masked(self.token)!r}, tenant={self.tenant!r}, origin={self.origin!r}"
        return f"Credentials(url={self.url!r}, {shown})"


def masked(token: str) -> str:
    """A token as it may be shown: its first 4 characters, or nothing of a short one."""
    return f"{token[:4]}…" if len(token) > 8 else "…"


def login_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `login` and the SDK keep the token."""
    return home(environ) / ".synapse/config.json"


def effective_url(config: Config, environ: Mapping[str, str] = os.environ) -> str:
    """The server in use: SYNAPSE_HOST, else server.url. Raises CredentialsError where SYNAPSE_HOST is no URL."""
    host = environ.get("SYNAPSE_HOST")
    if not host:
        return config.server.url
    try:
        return parse_url(host)
    except ValueError as error:
        raise CredentialsError(f"SYNAPSE_HOST: {error}", hint="correct it, or unset it to use server.url") from None


def resolve(config: Config, environ: Mapping[str, str] = os.environ) -> Credentials:
    """The first token there is: SYNAPSE_ACCESS_TOKEN, systemd's credential, access_token_file, ~/.synapse/config.json.

    Raises CredentialsError where there is none, where it can't be read, or where it belongs to another host.
    """
    url = effective_url(config, environ)
    found = _first(config, environ)
    if found is None:
        raise CredentialsError(
            "there is no access token: looked in SYNAPSE_ACCESS_TOKEN, in the systemd credential "
            f"{CREDENTIAL_NAME}, for server.access_token_file, and in {login_file(environ)}",
            hint="store one with: synapse-sync login",
        )
    if found.owner and not same_host(found.owner, url):
        raise CredentialsError(
            f"the token in {found.origin} belongs to {found.owner}, but the server in use is {url}",
            hint=f"log in there: synapse-sync login --host {url}; or set SYNAPSE_ACCESS_TOKEN",
        )
    warnings = [f"everybody on this machine can read the token in {found.origin}: chmod o-r it"] if found.open else []
    if url != config.server.url and is_unprotected(url):
        warnings.append(f"SYNAPSE_HOST: {url} is not encrypted: the token can be read on its way; use https://")
    tenant = config.server.tenant or found.tenant
    return Credentials(url, checked_token(found.text, found.origin), tenant, found.origin, tuple(warnings))


class _Found(NamedTuple):
    """A token as it was found; owner is the host that it belongs to ("": the one in use), open if all may read it."""

    text: str
    origin: str
    owner: str = ""
    tenant: str = ""
    open: bool = False


def _first(config: Config, environ: Mapping[str, str]) -> _Found | None:
    if environ.get("SYNAPSE_ACCESS_TOKEN", "").strip():
        return _Found(environ["SYNAPSE_ACCESS_TOKEN"], "SYNAPSE_ACCESS_TOKEN")
    credential = _credential(environ)
    if credential is not None:
        return _Found(_read(credential), f"the systemd credential {credential.name}")
    server = config.server
    if server.access_token_file is not None:
        text = _read(server.access_token_file)
        # Without a url of its own the config says nothing about the file's host: SYNAPSE_HOST may.
        owner = server.url if "url" in server.model_fields_set else ""
        return _Found(text, str(server.access_token_file), owner, open=_open_to_all(server.access_token_file))
    login = login_file(environ)
    stored = read_login(login)
    return stored and _Found(stored.token, str(login), stored.host, stored.tenant, _open_to_all(login))


def _credential(environ: Mapping[str, str]) -> Path | None:
    """The token among the credentials of this service; that of an instance has its name at the end."""
    folder = Path(environ.get("CREDENTIALS_DIRECTORY", ""))
    if not folder.is_absolute():
        return None
    plain = folder / CREDENTIAL_NAME
    return plain if plain.exists() else next(iter(sorted(folder.glob(f"{CREDENTIAL_NAME}-*"))), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        hint = f"it must hold the token and be readable by this user: ls -l {path}"
        raise CredentialsError(f"the token file {path} can't be read: {error.strerror}", hint=hint) from error
    except UnicodeDecodeError:
        raise CredentialsError(f"the token file {path} holds no text", hint="put the token alone in it") from None


def checked_token(text: str, origin: str) -> str:
    """The token without blanks around it. What is refused here would fail in an HTTP header, token in its message."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        hint = 'put the token alone in it, in one line and without the word "Token"'
        raise CredentialsError(f"{origin} holds no token", hint=hint)
    return token


def _open_to_all(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)
