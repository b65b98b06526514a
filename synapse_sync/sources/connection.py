"""The connection of one remote source: made when it is needed, given up when it fails, and rested then."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from synapse_sync.errors import SourceUnavailable

REST = 30.0
"""Seconds for which nothing is read of a service that has failed, so that no file waits for it in vain."""

Client = TypeVar("Client")


class Connection(Generic[Client]):
    """What a source talks to its service with (`connect` makes it): for several threads, and for no other source.

    A service that failed rests: reading fails at once with the same words, until REST is over or a listing succeeds.
    What was made is closed (`close`) when it is given up, also for being too old (`usable`), and when nobody has this
    object any more.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        close: Callable[[Client], None] = lambda _client: None,
        usable: Callable[[Client], bool] = lambda _client: True,
    ) -> None:
        self._connect = connect
        self._close = close
        self._usable = usable
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._ending: weakref.finalize[[Client], Connection[Client]] | None = None
        self._rests_until = 0.0
        self._why = SourceUnavailable("")

    def client(self, *, resting: bool = True) -> Client:
        """The client; resting: not now if the service rests. Raises as connect() does, and SourceUnavailable."""
        with self._lock:
            if resting and time.monotonic() < self._rests_until:
                raise SourceUnavailable(self._why.message, hint=self._why.hint)
            if self._client is not None and not self._usable(self._client):
                self._give_up()
            if self._client is None:
                self._client = self._connect()
                self._ending = weakref.finalize(self, self._close, self._client)
            return self._client

    @property
    def rests(self) -> bool:
        """Whether nothing is read now."""
        return time.monotonic() < self._rests_until

    def broken(self, client: Client) -> None:
        """The client that was had is of no use any more, though the service may be: the next one is another."""
        with self._lock:
            if client is self._client:
                self._give_up()

    def failed(self, why: SourceUnavailable) -> None:
        """The service can't be used: it rests, and the next client looks for credentials and connects anew."""
        with self._lock:
            self._rests_until, self._why = time.monotonic() + REST, why
            self._give_up()

    def works(self) -> None:
        """It can be used."""
        with self._lock:
            self._rests_until = 0.0

    def _give_up(self) -> None:
        ending, self._client, self._ending = self._ending, None, None
        if ending is not None:
            ending()
