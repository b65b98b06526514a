"""Whom a service is asked as: what google-auth finds, or a file that the config names; each may read, and no more."""

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


def credentials_of(access: Remote) -> Signed:
    """Those of the file that the config names, else the application default ones. Raises SourceUnavailable."""
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
    except (GoogleAuthError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path) from error


def _unusable(path: object) -> SourceUnavailable:
    return SourceUnavailable(
        f"the credentials file {path} is none of a service account, a user or a workload identity pool, or not whole",
        hint="download the service account's key again, or name the file with GOOGLE_APPLICATION_CREDENTIALS instead",
    )
