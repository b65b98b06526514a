"""A share of a Windows or Samba server as a source."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from synapse_sync.config import Remote, share_and_path
from synapse_sync.grants import Grant
from synapse_sync.records import RootIdentity
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.conversed import ConversedSource
from synapse_sync.sources.remote import Wanted, root_number
from synapse_sync.sources.smb.client import SmbClient, connect


class SmbSource(ConversedSource):
    """The files below `root`, smb://HOST/SHARE/PATH. Implements sources.base.Source; see RemoteSource."""

    certain_after = 2.0  # a server may tell of what is written only when it is closed

    def __init__(self, root: str, access: Remote, grant: Grant | None = None, **wanted: Unpack[Wanted]) -> None:
        self._share = share_and_path(root)
        connect_again = partial(connect, self._share, access, grant)
        connection = Connection(connect_again, SmbClient.close, SmbClient.usable)
        super().__init__(root, connection, **wanted)
        self.path = self._share.path.encode("utf-8", "surrogateescape")

    def identity(self) -> RootIdentity:
        """A number for server, share and path. Asks nothing: whether it is there, a listing tells."""
        share = self._share
        return root_number(share.name.lower(), str(share.port), share.share.lower(), share.path)
