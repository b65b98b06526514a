"""A container of Azure Blob Storage, or what lies below a prefix of it, as a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO, Unpack, cast

import requests

from synapse_sync.config import Remote, bucket_and_prefix
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.records import Directory, Observation, RootIdentity, Untakeable
from synapse_sync.sources import object_names
from synapse_sync.sources.azure.accounts import account_of
from synapse_sync.sources.azure.client import Client
from synapse_sync.sources.azure.listing import pages
from synapse_sync.sources.azure.pages import Page, page_of
from synapse_sync.sources.azure.reading import ObservedBlob
from synapse_sync.sources.azure.refusals import failures, no_container
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote import RemoteSource, Wanted, root_number
from synapse_sync.sources.versions import md5_of


class AzureSource(RemoteSource):
    """The blobs below `root`, az://CONTAINER/PREFIX. Implements sources.base.Source; see RemoteSource.

    A listing takes a request for each 5,000 blobs, and none for a blob.
    """

    vouches = True

    def __init__(
        self,
        root: str,
        access: Remote,
        grant: Grant | None = None,  # noqa: ARG002 - no storage of this kind hands any out
        **wanted: Unpack[Wanted],
    ) -> None:
        self._container, self._prefix = bucket_and_prefix(root)
        connection = Connection(partial(Client, access, self._container), Client.close)
        super().__init__(root, connection, **wanted)
        self._azure = connection
        self._access = access

    def identity(self) -> RootIdentity:
        """A number for account, container and prefix. Asks nothing: whether it is there, a listing tells.

        Raises SourceUnavailable where nobody says which account it is.
        """
        try:
            account = account_of(self._access)
        except SourceUnavailable as error:
            raise SourceUnavailable(f"{self.root}: {error.message}", hint=error.hint) from error
        return root_number("az", account.address, self._container, self._prefix)

    def open_observed(self, path: bytes, observed: Observation) -> AbstractContextManager[BinaryIO]:
        """The blob, held against its observation; see ObservedBlob for what it raises."""
        described = self._at_service(self.describe_path(path))
        opened = ObservedBlob(self._azure, self._prefix.encode() + path, described, observed)
        return cast("AbstractContextManager[BinaryIO]", opened)  # a RawIOBase does all that a BinaryIO promises

    def vouched(self, observed: Observation) -> str:
        """The MD5 that the blob's writer named, if any (Content-MD5); the service checks some of them."""
        return md5_of(observed)

    def _pieces(self) -> Iterator[Directory | Untakeable]:
        for page in pages(self._ask_for_page, self._prefix, recursive=self._recursive):
            yield from object_names.pieces(page.found, self._prefix.encode())

    def _ask_for_page(self, question: Mapping[str, str | int]) -> Page:
        self.list_requests += 1
        return self._azure.client(resting=False).listed(question, _page)

    def _failures(self) -> tuple[type[Exception], ...]:
        return failures()

    def _refusal(self, error: Exception) -> Refusal:
        return no_container(error)

    def _at_service(self, url: str) -> str:
        """With the account that is meant."""
        where = self._access.endpoint_url or (f"account {self._access.account}" if self._access.account else "")
        return f"{url} at {where}" if where else url


def _page(answer: requests.Response) -> Page:
    return page_of(answer.raw)
