"""What asks one service of Google Cloud Storage, with credentials, connections and time-outs of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from synapse_sync.config import Remote, extra_of
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.sources.gcs.refusals import Refused

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

SERVICE = "https://storage.googleapis.com"

CONNECTIONS = 32
"""At most, kept open: the readers' and the uploads' threads have one each."""

ATTEMPTS = 4
"""Of each request, in all."""

PAUSE = 0.5  # seconds before the second attempt, twice as long before each that follows; the service may name others
LONGEST_PAUSE = 30.0  # whatever it names

TEMPORARY = (408, 429, 500, 502, 503, 504)
"""Answers after which to ask again (Google's guide to retries)."""

REFUSAL = 64 << 10  # bytes of an answer that is a refusal


def connect(access: Remote, grant: Grant | None = None) -> Client:
    """A client. Sends nothing to the service, but may look for this machine's metadata server, for credentials.

    grant: where credentials come from that the config does not name. Raises SourceUnavailable where google-auth is not
    installed, or there are no credentials.
    """
    try:
        import google.auth  # noqa: F401 - what follows needs it
    except ImportError as error:
        raise SourceUnavailable("what reads gs:// is not installed", hint=extra_of("gs")) from error
    from synapse_sync.sources.gcs.credentials import NOBODY, credentials_of

    return Client(access, NOBODY if access.anonymous else credentials_of(access, grant))


class _Patience(Retry):
    """Attempts of a request, with pauses as the service names them, within bounds."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, LONGEST_PAUSE)


class Client:
    """GET requests to one service. For several threads: after it is made, nothing of its session changes."""

    def __init__(self, access: Remote, signs: requests.auth.AuthBase) -> None:
        self._address = access.endpoint_url or SERVICE
        self._signs = signs
        self._timeout = (access.connect_timeout, access.read_timeout)
        self._verify = str(access.ca_bundle) if access.ca_bundle else True
        attempts = _Patience(
            total=ATTEMPTS - 1,
            status_forcelist=TEMPORARY,
            allowed_methods=("GET",),
            backoff_factor=PAUSE,
            backoff_max=LONGEST_PAUSE,
            backoff_jitter=PAUSE,
            raise_on_status=False,
        )
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=attempts))
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def asked(self, path: str, question: Mapping[str, str | int]) -> dict[str, Any]:
        """The JSON object that is answered. Raises as refusals.failures() has it."""
        attempt = 1
        while True:
            try:
                with self.opened(path, question) as answer:
                    said = answer.json()
                break
            except requests.exceptions.ChunkedEncodingError:  # of what breaks off in the middle urllib3 takes no care
                if attempt >= ATTEMPTS:
                    raise
                time.sleep(PAUSE * 2 ** (attempt - 1))
                attempt += 1
        if not isinstance(said, dict):
            raise requests.exceptions.InvalidJSONError
        return said

    def opened(self, path: str, question: Mapping[str, str | int], start: int = 0) -> requests.Response:
        """The answer, of which nothing is read yet; start: from which byte on. Raises as refusals.failures() has it.

        What is stored compressed comes as it is stored: only who takes gzip is sent that.
        """
        headers = {"Accept-Encoding": "gzip"}
        if start:
            headers["Range"] = f"bytes={start}-"
        answer = self._session.get(
            self._address + path,
            params=question,
            headers=headers,
            auth=self._signs,  # always given: else requests looks for others, in ~/.netrc
            timeout=self._timeout,
            verify=self._verify,
            stream=True,
            allow_redirects=False,
        )
        if answer.status_code not in (200, 206):
            with answer:
                raise Refused(answer.status_code, answer.raw.read(REFUSAL, decode_content=True))
        return answer

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._session.close()
