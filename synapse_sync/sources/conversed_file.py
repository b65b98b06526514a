"""A file of a server that keeps it open for us (SFTP, SMB, FTP), read only while it is what was observed.

It is held against its size and times when it is opened, and what stands at its path then against them on leaving.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from synapse_sync.errors import FileUnreadable
from synapse_sync.records import Observation
from synapse_sync.sources.connection import Connection
from synapse_sync.sources.conversing import Client, Conversation, Entry, Refused, refusal
from synapse_sync.sources.remote_reading import Lost, RemoteFile

Found = TypeVar("Found")


class ConversedFile(RemoteFile):
    """The file at `path` there, held against its observation; see RemoteFile for what it raises."""

    _connection: Connection[Client[Any]]

    def __init__(
        self, connection: Connection[Client[Any]], path: bytes, described: str, observed: Observation, *, follow: bool
    ) -> None:
        super().__init__(connection, described, observed)
        self._path = path
        self._follow = follow
        self._open: tuple[Client[Any], Conversation, Any] | None = None

    def _next(self, wanted: int) -> bytes:
        _, talk, handle = self._open or self._begin()
        piece = self._asked(lambda: talk.read(handle, self._position, wanted))
        if not piece:
            raise self._changed("it is shorter now")
        return piece

    def _begin(self) -> tuple[Client[Any], Conversation, Any]:
        client = self._client()
        talk = self._taken(client)
        try:
            handle, entry = self._asked(lambda: talk.open(self._path, follow=self._follow))
        except BaseException as error:
            client.give_back(talk)
            if isinstance(error, Lost):
                self._connection.broken(client)
            raise
        self._open = client, talk, handle
        self._compare(entry)
        return self._open

    def _check_again(self) -> None:
        """As often as the connection breaks, as for a piece."""
        try:
            self._persistently(self._look_again)
        except FileUnreadable as error:
            if isinstance(error.__cause__, Refused) and error.__cause__.gone:
                raise self._changed("it was deleted") from error
            raise

    def _look_again(self) -> bool:
        if self._open is not None:
            talk = self._open[1]
            self._compare(self._asked(lambda: talk.look(self._path, follow=self._follow)))
            return True
        client = self._client()
        talk = self._taken(client)
        try:
            self._compare(self._asked(lambda: talk.look(self._path, follow=self._follow)))
        except Lost:
            self._connection.broken(client)
            raise
        finally:
            client.give_back(talk)
        return True

    def _asked(self, ask: Callable[[], Found]) -> Found:
        """What the server answers; its refusals in our words."""
        try:
            return ask()
        except Refused as error:
            why = refusal(error)
            raise FileUnreadable(f"{self._described} can't be read: {why.what}", hint=why.hint) from error

    def _taken(self, client: Client[Any]) -> Conversation:
        try:
            talk: Conversation = client.take()
        except Lost:
            self._connection.broken(client)
            raise
        return talk

    def _compare(self, entry: Entry) -> None:
        """An answer that has no token says nothing of it."""
        if entry.kind != "file":
            raise self._changed("it is no file now")
        found = entry.observed
        if found != self._observed and (found is None or found.token or found != self._observed._replace(token="")):
            raise self._changed()

    def _break_off(self) -> None:
        if self._open is not None:
            client, talk, _ = self._open
            self._open = None
            client.give_back(talk)
            self._connection.broken(client)

    def _let_go(self) -> None:
        if self._open is not None:
            client, talk, handle = self._open
            self._open = None
            if handle is not None:
                talk.close(handle)
            client.give_back(talk)
