"""Whom a web server is asked as: with a token, with a user and a password as the server wants them, or as nobody.

granted: what the Synapse server hands out for a storage, whose `headers` are a JSON object of texts.
"""

from __future__ import annotations

import json
import re
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from synapse_sync.config import Remote
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import NO_SECRETS, Secrets
from synapse_sync.sources.http_asking import NOBODY, REFUSAL
from synapse_sync.sources.secrets import password_of

_DIGEST = re.compile(r"(?:^|,)\s*digest\s")


def _line(text: str) -> str:
    """A text as a header has it: in UTF-8, which goes for Latin-1. Raises SourceUnavailable, without the text."""
    if re.search(r"[\0\r\n]", text):
        raise SourceUnavailable(
            "the token or user for it is more than one line", hint="correct what the variable holds, or the user"
        )
    return text.strip().encode("utf-8", "surrogateescape").decode("latin-1")


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._said = f"Bearer {_line(token)}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._said
        return request


class _Headers(AuthBase):
    """What a storage of the Synapse server's wants with each request."""

    def __init__(self, headers: str) -> None:
        told: dict[str, str] = json.loads(headers)
        self._headers = {name: _line(value) for name, value in told.items()}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.prepare_headers({**request.headers, **self._headers})
        return request


class _Digest(HTTPDigestAuth):
    """For any challenge, and users in any script."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__(user, password)
        self._name = user

    def build_digest_header(self, method: str, url: str) -> str:
        """What is sent; "" where the challenge names too little, or ways that are not known."""
        try:
            header: str | None = super().build_digest_header(method, url)  # type: ignore[no-untyped-call]
        except KeyError:
            header = None
        named = f'Digest username="{self._name}"'
        return _line(named) + header.removeprefix(named) if header else ""

    def handle_401(self, r: requests.Response, **kwargs: Any) -> requests.Response:
        """The answer to what is asked again, with a header."""
        if r.status_code == 401:  # of the page beside it requests would read all
            r.raw.read(REFUSAL, decode_content=False)
            r.raw.close()
        answer: requests.Response = super().handle_401(r, **kwargs)  # type: ignore[no-untyped-call]
        return answer


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
            if _DIGEST.search(wanted):
                self.signs = _Digest(self._user, self._password)
            elif "basic" in wanted:
                self.signs = HTTPBasicAuth(self._user.encode(), self._password.encode())
        return self.signs is not used
