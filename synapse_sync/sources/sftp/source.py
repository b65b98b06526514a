"""A folder of an SSH server as a source."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from synapse_sync.config import Remote, host_and_path
from synapse_sync.grants import Grant
from synapse_sync.records import RootIdentity
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.conversed import ConversedSource, path_there
from synapse_sync.sources.remote import Wanted, root_number
from synapse_sync.sources.sftp.client import SftpClient, connect


class SftpSource(ConversedSource):
    """The files below `root`, sftp://HOST/PATH. Implements sources.base.Source; see RemoteSource."""

    certain_after = 2.0  # SFTP tells times in whole seconds

    def __init__(self, root: str, access: Remote, grant: Grant | None = None, **wanted: Unpack[Wanted]) -> None:
        self._host = host_and_path(root)
        connect_again = partial(connect, self._host, access, grant)
        connection = Connection(connect_again, SftpClient.close, SftpClient.usable)
        super().__init__(root, connection, **wanted)
        self._user = self._host.user or access.user
        self.path = path_there(self._host)

    def identity(self) -> RootIdentity:
        """A number for server, user and path. Asks nothing: whether it is there, a listing tells."""
        return root_number(self._host.name.lower(), str(self._host.port), self._user, self._host.path)
