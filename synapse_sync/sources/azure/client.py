"""Requests to one container: where it is, who asks, and what its answers must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import requests

from synapse_sync.config import Remote
from synapse_sync.sources.azure.accounts import account_of, library
from synapse_sync.sources.azure.refusals import refused
from synapse_sync.sources.http_asking import Asking

VERSION = "2021-12-02"
"""Of the service's protocol: the first that names every character of a blob is older (2021-02-12)."""

NOTHING: Mapping[str, str] = {}

Found = TypeVar("Found")


class Client:
    """GET and HEAD requests to a container. For several threads."""

    def __init__(self, access: Remote, container: str) -> None:
        library()
        from synapse_sync.sources.azure.credentials import credentials_of  # needs it

        account = account_of(access)
        self._address = f"{account.address}/{quote(container, safe='$')}"
        self._signs = credentials_of(access, account)
        self._asking = Asking(access, refused)

    def listed(self, question: Mapping[str, str | int], what_it_says: Callable[[requests.Response], Found]) -> Found:
        """What a page of the container's listing says. Raises as refusals.failures() has it."""
        # Quoted here: who signs takes no plus for a blank.
        asked = urlencode({"restype": "container", "comp": "list", **question}, quote_via=quote, safe="")

        def whole() -> Found:
            with self._opened(f"{self._address}?{asked}") as answer:
                return what_it_says(answer)

        return self._asking.persistently(whole)

    def opened(
        self, name: bytes, condition: Mapping[str, str], start: int = 0, method: str = "GET"
    ) -> requests.Response:
        """The blob's answer, of which nothing is read yet; start: from which byte on. Raises likewise."""
        part = {"x-ms-range": f"bytes={start}-"} if start else {}
        return self._opened(f"{self._address}/{quote(name, safe='/~')}", {**condition, **part}, method)

    def _opened(self, address: str, more: Mapping[str, str] = NOTHING, method: str = "GET") -> requests.Response:
        headers = {"Accept-Encoding": "identity", "x-ms-version": VERSION, **more}
        answer = self._asking.opened(address, signs=self._signs, headers=headers, method=method)
        if method == "HEAD":
            answer.content  # noqa: B018 - nothing, after which its connection can be used again
        return answer

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._asking.close()
