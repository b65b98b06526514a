"""Requests to one container: where it is, who asks, and what its answers must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote

import requests

from synapse_sync.config import Remote
from synapse_sync.sources.azure.accounts import account_of, library
from synapse_sync.sources.azure.refusals import refused
from synapse_sync.sources.web_service import WebService

VERSION = "2021-12-02"
"""Of the service's protocol: the first that names every character of a blob is older (2021-02-12)."""

Found = TypeVar("Found")


class Client:
    """GET and HEAD requests to a container. For several threads."""

    def __init__(self, access: Remote, container: str) -> None:
        library()
        from synapse_sync.sources.azure.credentials import credentials_of  # needs it

        account = account_of(access)
        self._path = f"/{quote(container, safe='$')}"
        self._service = WebService(account.address, access, credentials_of(access, account), refused)

    def listed(self, question: Mapping[str, str | int], what_it_says: Callable[[requests.Response], Found]) -> Found:
        """What a page of the container's listing says. Raises as refusals.failures() has it."""
        asked = {"restype": "container", "comp": "list", **question}
        return self._service.read(self._path, asked, {"x-ms-version": VERSION}, what_it_says)

    def opened(
        self, name: bytes, condition: Mapping[str, str], start: int = 0, method: str = "GET"
    ) -> requests.Response:
        """The blob's answer, of which nothing is read yet; start: from which byte on. Raises likewise."""
        headers = {"x-ms-version": VERSION, **condition}
        if start:
            headers["x-ms-range"] = f"bytes={start}-"
        return self._service.opened(f"{self._path}/{quote(name, safe='/~')}", {}, headers, method)

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._service.close()
