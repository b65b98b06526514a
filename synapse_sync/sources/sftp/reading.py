"""A file of an SSH server that is read only while it is what was observed: by its size and time, before and after.

Before it is opened it is looked at: a pipe or a device that took its place would never answer.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import TypeVar

from synapse_sync.errors import FileUnreadable
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.remote_reading import Lost, RemoteFile
from synapse_sync.sources.sftp.client import Client
from synapse_sync.sources.sftp.listing import observation
from synapse_sync.sources.sftp.refusals import refusal
from synapse_sync.sources.sftp.session import NO_SUCH_FILE, Attributes, Refused, Session

Found = TypeVar("Found")


class ObservedSftpFile(RemoteFile):
    """The file at `path` there, held against its observation; see RemoteFile for what it raises."""

    _connection: Connection[Client]

    def __init__(
        self, connection: Connection[Client], path: bytes, described: str, observed: Observation, *, follow: bool
    ) -> None:
        super().__init__(connection, described, observed)
        self._path = path
        self._follow = follow
        self._open: tuple[Client, Session, bytes] | None = None

    def _next(self, wanted: int) -> bytes:
        if self._open is None:
            self._begin()
        assert self._open is not None
        _, session, handle = self._open
        piece = self._asked(lambda: session.read(handle, self._position, wanted))
        if not piece:
            raise self._changed("it is shorter now")
        return piece

    def _begin(self) -> None:
        client = self._client()
        session = self._taken(client)
        try:
            self._compare(self._asked(lambda: session.stat(self._path, follow=self._follow)))
            handle = self._asked(lambda: session.open(self._path))
        except BaseException:
            client.give_back(session)
            raise
        self._open = client, session, handle
        self._compare(self._asked(lambda: session.attributes(handle)))

    def _check_again(self) -> None:
        """As often as the connection breaks, as for a piece."""
        try:
            self._persistently(self._look_again)
        except FileUnreadable as error:
            if isinstance(error.__cause__, Refused) and error.__cause__.code == NO_SUCH_FILE:
                raise self._changed("it was deleted") from error
            raise

    def _look_again(self) -> bool:
        if self._open is None:
            client = self._client()
            session = self._taken(client)
            try:
                found = self._asked(lambda: session.stat(self._path, follow=self._follow))
            finally:
                client.give_back(session)
        else:
            session = self._open[1]
            found = self._asked(lambda: session.stat(self._path, follow=self._follow))
        self._compare(found)
        return True

    def _asked(self, ask: Callable[[], Found]) -> Found:
        """What the server answers; its refusals in our words."""
        try:
            return ask()
        except Refused as error:
            why = refusal(error)
            raise FileUnreadable(f"{self._described} can't be read: {why.what}", hint=why.hint) from error

    def _taken(self, client: Client) -> Session:
        try:
            return client.take()
        except Lost:
            self._connection.broken(client)
            raise

    def _compare(self, attributes: Attributes) -> None:
        if attributes.mode is not None and not stat.S_ISREG(attributes.mode):
            raise self._changed("it is no file now")
        if observation(attributes) != self._observed:
            raise self._changed()

    def _break_off(self) -> None:
        if self._open is not None:
            client, session, _ = self._open
            self._open = None
            client.give_back(session)
            self._connection.broken(client)

    def _let_go(self) -> None:
        if self._open is not None:
            client, session, handle = self._open
            self._open = None
            session.close(handle)
            client.give_back(session)
