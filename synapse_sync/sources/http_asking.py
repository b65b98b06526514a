"""What asks one service over HTTP for a source: connections, attempts and time-outs of its own, and no other's secrets.

Nothing is sent that the config does not name: no cookies, nothing of ~/.netrc; and no redirection is followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ProtocolError
from urllib3.util.retry import Retry

from synapse_sync.config import Remote

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CONNECTIONS = 32
"""At most, kept open: the readers' and the uploads' threads have one each."""

ATTEMPTS = 4
"""Of each request, in all."""

PAUSE = 0.5  # seconds before the second attempt, twice as long before each that follows; the service may name others
LONGEST_PAUSE = 30.0  # whatever it names

TEMPORARY = (408, 429, 500, 502, 503, 504)
"""Answers after which to ask again (Google's guide to retries; RFC 9110 has no other that pass)."""

REFUSAL = 64 << 10  # bytes of an answer that is a refusal

Found = TypeVar("Found")

Refused = Callable[[requests.Response, bytes], Exception]
"""What an answer that was not asked for is raised as: the answer, and the beginning of what it says."""


class _Nobody(AuthBase):
    """No credentials, also none of ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


NOBODY = _Nobody()


class AsStored:
    """What comes of an answer, as it is sent: also where that is compressed."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer

    def read(self, amount: int, /) -> bytes:
        """Up to so many bytes."""
        piece: bytes = self._answer.raw.read(amount, decode_content=False)
        return piece

    def close(self) -> None:
        """Let go of it, and of its connection where some is left."""
        self._answer.close()


class _Session(requests.Session):
    """One that does not look where it is sent to: for that requests reads all of the answer, however large."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - wherever it is
        return None


class _Patience(Retry):
    """Attempts of a request, with pauses as the service names them, within bounds."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, LONGEST_PAUSE)


class Asking:
    """Requests that change nothing there, to one service. For several threads: its session does not change."""

    def __init__(self, access: Remote, refused: Refused) -> None:
        self._refused = refused
        self._timeout = (access.connect_timeout, access.read_timeout)
        self._verify = str(access.ca_bundle) if access.ca_bundle else True
        attempts = _Patience(
            total=ATTEMPTS - 1,
            status_forcelist=TEMPORARY,
            allowed_methods=("GET", "HEAD", "PROPFIND"),
            backoff_factor=PAUSE,
            backoff_max=LONGEST_PAUSE,
            backoff_jitter=PAUSE,
            raise_on_status=False,
        )
        self._session = _Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=attempts))
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def opened(
        self,
        address: str,
        *,
        signs: AuthBase,
        headers: Mapping[str, str],
        method: str = "GET",
        question: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        wanted: Collection[int] = (200, 206),
    ) -> requests.Response:
        """The answer, if it has one of the wanted statuses; nothing of it is read yet.

        signs: whom to ask as; always given, else requests looks for others. Raises what `refused` makes of another
        answer, and what requests raises.
        """
        answer = self._session.request(
            method,
            address,
            params=question,
            data=body,
            headers=headers,
            auth=signs,
            timeout=self._timeout,
            verify=self._verify,
            stream=True,
            allow_redirects=False,
        )
        if answer.status_code not in wanted:
            with answer:
                raise self._refused(answer, answer.raw.read(REFUSAL, decode_content=True))
        return answer

    def persistently(self, ask: Callable[[], Found]) -> Found:
        """What comes of an answer that is read as a whole: of one that breaks off urllib3 takes no care."""
        for attempt in range(1, ATTEMPTS):
            try:
                return ask()
            except (requests.exceptions.ChunkedEncodingError, ProtocolError):
                time.sleep(PAUSE * 2 ** (attempt - 1))
        return ask()

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._session.close()
