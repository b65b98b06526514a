"""Whom a service is asked as: what is granted, a file that the config names, or what google-auth finds.

Each may read, and no more.
"""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import Any

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from requests.auth import AuthBase

from synapse_sync.config import Remote
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.sources.gcs.refusals import refusal

SCOPES = ("https://www.googleapis.com/auth/devstorage.read_only",)

_KINDS = {
    "service_account": ("google.oauth2.service_account", "from_service_account_info"),
    "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info"),
    "external_account": ("google.auth.identity_pool", "from_info"),
}
"""Each kind of file that a person may name: who reads it, and how."""


class Signed(AuthBase):
    """Requests with a token, which is had anew shortly before it ends. For several threads."""

    def __init__(self, credentials: Any, access: Remote) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()
        self._ask = _asking(access)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Raises GoogleAuthError where no token can be had."""
        with self._lock:
            if not self._credentials.valid:
                self._credentials.refresh(self._ask)
            self._credentials.apply(request.headers)
        return request


class Granted(Signed):
    """Requests with a token for the service account that the server hands out now. For several threads."""

    def __init__(self, grant: Grant, access: Remote) -> None:
        """Raises SourceUnavailable, as does each request."""
        self._grant = grant
        self._key = grant.secrets(connecting=True).get("credentials")
        super().__init__(_handed_out(self._key), access)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Raises GoogleAuthError where no token can be had."""
        key = self._grant.secrets().get("credentials")
        with self._lock:
            if key != self._key:
                self._credentials, self._key = _handed_out(key), key
        return super().__call__(request)


def credentials_of(access: Remote, grant: Grant | None = None) -> Signed:
    """Those that are granted, else of the file that the config names, else the application default ones.

    Raises SourceUnavailable.
    """
    if grant is not None:
        return Granted(grant, access)
    if access.credentials_file is not None:
        return Signed(_named(access), access)
    try:
        found, _ = google.auth.default(scopes=SCOPES, request=_asking(access))
    except GoogleAuthError as error:
        why = refusal(error)
        raise SourceUnavailable(why.what, hint=why.hint) from error
    return Signed(found, access)


def _asking(access: Remote) -> Any:
    """What asks for tokens. A service of Google's own is behind the same certificates as who gives them."""
    session = requests.Session()
    if access.ca_bundle and not access.endpoint_url:
        session.verify = str(access.ca_bundle)
    return partial(Request(session), timeout=(access.connect_timeout, access.read_timeout))


def _named(access: Remote) -> Any:
    path = access.credentials_file
    assert path is not None
    try:
        said = json.loads(path.read_bytes())
        kind = said["type"]
        module, read = _KINDS[kind]
    except OSError as error:
        raise SourceUnavailable(
            f"the credentials file {path} can't be read: {error.strerror}",
            hint="see that it is there, readable for who runs this",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(path) from error
    from importlib import import_module

    try:
        return getattr(import_module(module).Credentials, read)(said, scopes=SCOPES)
    except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(path) from error


def _handed_out(key: str) -> Any:
    """The service account of a key that the server hands out; what is wrong with that is told without it."""
    from google.oauth2 import service_account

    kind: Any = service_account.Credentials
    try:
        credentials = kind.from_service_account_info(json.loads(key), scopes=SCOPES)
        credentials.sign_bytes(b"")  # a key of another kind than RSA says so only when it is used
    except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError):
        raise SourceUnavailable(
            "the service account's key that the server has for it can't be used: it is not whole",
            hint="have it registered in Synapse again, or name a file with credentials_file in [feeds.remote]",
        ) from None
    return credentials


def _unusable(path: object) -> SourceUnavailable:
    return SourceUnavailable(
        f"the credentials file {path} is none of a service account, a user or a workload identity pool, or not whole",
        hint="download the service account's key again, or name the file with GOOGLE_APPLICATION_CREDENTIALS instead",
    )
