"""What asks one service over HTTP: with credentials, connections, attempts and time-outs of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter
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
"""Answers after which to ask again."""

REFUSAL = 64 << 10  # bytes of an answer that is a refusal

BROKEN_OFF = (ProtocolError, requests.exceptions.ChunkedEncodingError)
"""What reading an answer raises that breaks off in the middle."""

Found = TypeVar("Found")


class _Nobody(requests.auth.AuthBase):
    """No credentials, also none of ~/.netrc, where requests looks for some if it is given nothing."""

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


class _Patience(Retry):
    """Attempts of a request, with pauses as the service names them, within bounds."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, LONGEST_PAUSE)


class WebService:
    """GET and HEAD requests to the service at `address`. For several threads: once made, nothing of it changes.

    signs: what adds the credentials. refused: the error that an answer means which is no success; body: its beginning.
    """

    def __init__(
        self,
        address: str,
        access: Remote,
        signs: requests.auth.AuthBase,
        refused: Callable[[requests.Response, bytes], Exception],
    ) -> None:
        self._address = address
        self._signs = signs
        self._refused = refused
        self._timeout = (access.connect_timeout, access.read_timeout)
        self._verify = str(access.ca_bundle) if access.ca_bundle else True
        attempts = _Patience(
            total=ATTEMPTS - 1,
            status_forcelist=TEMPORARY,
            allowed_methods=("GET", "HEAD"),
            backoff_factor=PAUSE,
            backoff_max=LONGEST_PAUSE,
            backoff_jitter=PAUSE,
            raise_on_status=False,
        )
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=attempts))
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def read(
        self,
        path: str,
        question: Mapping[str, str | int],
        headers: Mapping[str, str],
        what_it_says: Callable[[requests.Response], Found],
    ) -> Found:
        """What an answer says, which is read to its end; it is asked again where it breaks off. Raises as opened()."""
        attempt = 1
        while True:
            try:
                with self.opened(path, question, headers) as answer:
                    return what_it_says(answer)
            except BROKEN_OFF:  # of which urllib3 takes no care
                if attempt >= ATTEMPTS:
                    raise
                time.sleep(PAUSE * 2 ** (attempt - 1))
                attempt += 1

    def opened(
        self, path: str, question: Mapping[str, str | int], headers: Mapping[str, str], method: str = "GET"
    ) -> requests.Response:
        """The answer, of which nothing is read yet. Raises what requests does, and what `refused` makes of it.

        path: quoted already. What is stored compressed comes as it is stored, if it is read from `raw`.
        """
        asked = urlencode(question, quote_via=quote, safe="")
        answer = self._session.request(
            method,
            f"{self._address}{path}?{asked}" if asked else self._address + path,
            headers={"Accept-Encoding": "identity", **headers},
            auth=self._signs,
            timeout=self._timeout,
            verify=self._verify,
            stream=True,
            allow_redirects=False,
        )
        if answer.status_code not in (200, 206):
            with answer:
                raise self._refused(answer, answer.raw.read(REFUSAL, decode_content=True))
        if method == "HEAD":
            answer.content  # noqa: B018 - nothing, after which its connection can be used again
        return answer

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._session.close()
