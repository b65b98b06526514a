"""What the feeds of one process share, so that two threads never do the same thing at the same time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Claims:
    """Contents that a feed is sending, by the feed's id: no other sends them meanwhile. Used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, int] = {}

    @contextmanager
    def choosing(self) -> Iterator[list[int]]:
        """All contents that are being sent; nobody else chooses until the body has claimed some or none."""
        with self._lock:
            yield list(self._held)

    def take(self, feed: int, contents: Iterable[int]) -> None:
        """These are this feed's to send now. Inside `choosing`."""
        self._held.update(dict.fromkeys(contents, feed))

    def release(self, feed: int, contents: Iterable[int] | None = None) -> None:
        """The feed no longer sends these contents, or any."""
        with self._lock:
            for content in [held for held, by in self._held.items() if by == feed] if contents is None else contents:
                self._held.pop(content, None)


class Together:
    """One for all feeds of a process."""

    def __init__(self) -> None:
        self.sending = Claims()
        self._registering: defaultdict[int, threading.RLock] = defaultdict(threading.RLock)
        self._lock = threading.Lock()

    def registering(self, collection: int) -> threading.RLock:
        """Held while units of this data collection are registered, looked for or changed on the server, one feed after
        the other. Feeds with other collections have nothing to do with it, and go on.
        """
        with self._lock:
            return self._registering[collection]
