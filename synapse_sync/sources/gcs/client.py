"""What asks one service of Google Cloud Storage, with credentials, connections and time-outs of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from synapse_sync.config import Remote, extra_of
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.sources.gcs.refusals import Refused
from synapse_sync.sources.http_asking import NOBODY, Asking

SERVICE = "https://storage.googleapis.com"


def connect(access: Remote, grant: Grant | None = None) -> Client:
    """A client. Sends nothing to the service, but may look for this machine's metadata server, for credentials.

    grant: where credentials come from that the config does not name. Raises SourceUnavailable where google-auth is not
    installed, or there are no credentials.
    """
    try:
        import google.auth  # noqa: F401 - what follows needs it
    except ImportError as error:
        raise SourceUnavailable("what reads gs:// is not installed", hint=extra_of("gs")) from error
    from synapse_sync.sources.gcs.credentials import credentials_of

    return Client(access, NOBODY if access.anonymous else credentials_of(access, grant))


class Client:
    """GET requests to one service. For several threads."""

    def __init__(self, access: Remote, signs: requests.auth.AuthBase) -> None:
        self._address = access.endpoint_url or SERVICE
        self._signs = signs
        self._asking = Asking(access, lambda answer, body: Refused(answer.status_code, body))

    def asked(self, path: str, question: Mapping[str, str | int]) -> dict[str, Any]:
        """The JSON object that is answered. Raises as refusals.failures() has it."""

        def whole() -> Any:
            with self.opened(path, question) as answer:
                return answer.json()

        said = self._asking.persistently(whole)
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
        return self._asking.opened(self._address + path, signs=self._signs, headers=headers, question=question)

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._asking.close()
