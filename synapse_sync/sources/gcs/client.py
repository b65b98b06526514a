"""What asks one service of Google Cloud Storage, with credentials, connections and time-outs of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from synapse_sync.config import Remote, extra_of
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.sources.gcs.refusals import Refused
from synapse_sync.sources.web_service import NOBODY, WebService

SERVICE = "https://storage.googleapis.com"

AS_STORED = {"Accept-Encoding": "gzip"}
"""What is stored compressed comes as it is stored: only who takes gzip is sent that."""


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
        self._service = WebService(access.endpoint_url or SERVICE, access, signs, _refused)

    def asked(self, path: str, question: Mapping[str, str | int]) -> dict[str, Any]:
        """The JSON object that is answered. Raises as refusals.failures() has it."""
        said = self._service.read(path, question, AS_STORED, requests.Response.json)
        if not isinstance(said, dict):
            raise requests.exceptions.InvalidJSONError
        return said

    def opened(self, path: str, question: Mapping[str, str | int], start: int = 0) -> requests.Response:
        """The answer, of which nothing is read yet; start: from which byte on. Raises as refusals.failures() has it."""
        part = {"Range": f"bytes={start}-"} if start else {}
        return self._service.opened(path, question, {**AS_STORED, **part})

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._service.close()


def _refused(answer: requests.Response, body: bytes) -> Refused:
    return Refused(answer.status_code, body)
