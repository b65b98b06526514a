"""Larger bodies on their way at once: each waits for its turn, and how it ended says how many more may go.

They are the parts of a presigned upload, chunks, and files that are sent whole; small files have lanes instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from synapse_sync.destinations.synapse.http.lanes import Room
from synapse_sync.errors import Busy, OutcomeUnknown, Unreachable

_TROUBLE = (Busy, OutcomeUnknown, Unreachable)  # of the connection, the server or a proxy; all else is an answer


class Streams:
    """As many bodies as there is room for, from any number of threads."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._under_way = 0
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, size: int) -> Iterator[None]:
        """While a body of `size` bytes is sent; waits until there is room. What the body raises goes on as it is."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._under_way < self._room.limit)
            self._waiting -= 1
            self._under_way += 1
        ok: bool | None = None
        try:
            yield
            ok = True
        except _TROUBLE:
            ok = False
            raise
        finally:
            with self._changed:
                self._under_way -= 1
                if ok is not None:  # else it says nothing of the way: the file could not be read, or was refused
                    self._room.ended(size, ok, full=self._waiting > 0)
                self._changed.notify_all()
