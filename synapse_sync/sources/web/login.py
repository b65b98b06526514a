"""Whom a web server is asked as: with a token, with a user and a password as the server wants them, or as nobody.

granted: what the Synapse server hands out for a storage, whose `headers` are a JSON object of texts.
"""

from __future__ import annotations

import json

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from synapse_sync.config import Remote
from synapse_sync.grants import NO_SECRETS, Secrets
from synapse_sync.sources.http_asking import NOBODY
from synapse_sync.sources.secrets import password_of


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._said = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._said
        return request


class _Headers(AuthBase):
    """What a storage of the Synapse server's wants with each request."""

    def __init__(self, headers: str) -> None:
        self._headers: dict[str, str] = json.loads(headers)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.prepare_headers({**request.headers, **self._headers})
        return request


class Login:
    """The password goes nowhere before the server asks for one; where it takes a digest of it, it never does.

    For several threads. Raises SourceUnavailable for an environment variable that is not set.
    """

    def __init__(self, user: str, access: Remote, granted: Secrets = NO_SECRETS) -> None:
        token = password_of(access.token_env)
        self._user = user
        self._password = password_of(access.password_env) or granted.get("password")
        headers = granted.get("headers")
        self.signs: AuthBase = _Bearer(token) if token else _Headers(headers) if headers else NOBODY

    @property
    def somebody(self) -> bool:
        """Whether there is anything to log in with."""
        return self.signs is not NOBODY or bool(self._user and self._password)

    def learns(self, used: AuthBase, challenge: str) -> bool:
        """Whether to ask again, now that the server that refused `used` says what it wants (WWW-Authenticate)."""
        if self.signs is not used:
            return True
        wanted = challenge.lower()
        if used is NOBODY and self._user and self._password:
            if "digest" in wanted:
                self.signs = HTTPDigestAuth(self._user, self._password)
            elif "basic" in wanted:
                self.signs = HTTPBasicAuth(self._user.encode(), self._password.encode())
        return self.signs is not used
