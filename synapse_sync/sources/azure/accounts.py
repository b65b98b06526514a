"""Which storage account is asked, and where: what the config says, else what Azure's own environment variables name."""

from __future__ import annotations

import os
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from synapse_sync.config import Remote, extra_of
from synapse_sync.errors import SourceUnavailable

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
ACCOUNT = "AZURE_STORAGE_ACCOUNT"

_NAME_IT = f"write account in [feeds.remote], or set {ACCOUNT}"


class Account(NamedTuple):
    """A storage account: its name ("" where an address of one's own does not tell it), and the service's address."""

    name: str
    address: str

    def is_that_of(self, other: Account) -> bool:
        """Whether both are one account, at whichever address."""
        return self.address == other.address or (bool(self.name) and self.name == other.name)


class Connected(NamedTuple):
    """What a connection string says. key: what signs requests, or None; sas: a shared access signature, or ""."""

    account: Account
    key: Any
    sas: str


def account_of(access: Remote) -> Account:
    """The account. Asks nothing. Raises SourceUnavailable where none is named."""
    if access.endpoint_url:
        return Account(access.account or _name_in(access.endpoint_url), access.endpoint_url)
    name = access.account or os.environ.get(ACCOUNT, "")
    connected = None if name else connection_string()
    if connected is not None:
        return connected.account
    if not name:
        raise SourceUnavailable("it is not said which storage account it is in", hint=_NAME_IT)
    return Account(name, f"https://{name}.blob.core.windows.net")


def connection_string() -> Connected | None:
    """What the standard variable says, if it is set. Raises SourceUnavailable where it is no connection string."""
    text = os.environ.get(CONNECTION_STRING, "")
    if not text:
        return None
    service = library().BlobServiceClient
    try:
        with service.from_connection_string(text) as client:
            address, _, query = str(client.url).partition("?")
            return Connected(Account(client.account_name or "", address.rstrip("/")), client.credential, query)
    except ValueError:
        hint = "copy it anew, from the storage account's access keys, or remove the variable"
        raise SourceUnavailable(f"{CONNECTION_STRING} holds no connection string", hint=hint) from None


def library() -> Any:
    """azure-storage-blob, loaded only now. Raises SourceUnavailable where it is not installed."""
    try:
        import azure.identity  # noqa: F401 - comes with it
        from azure.storage import blob
    except ImportError as error:
        raise SourceUnavailable("what reads az:// is not installed", hint=extra_of("az")) from error
    return blob


def _name_in(address: str) -> str:
    """The account that an address is of: NAME.blob.…, or the first folder of it ("http://127.0.0.1:10000/NAME")."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return host.partition(".")[0] if ".blob." in host else unquote(parts.path.strip("/").partition("/")[0])
