"""What the feeds of one process share, so that two threads never do the same thing at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


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


@dataclass(frozen=True)
class Together:
    """registering: held while units are registered, looked for or changed on the server, one feed after the other."""

    registering: threading.RLock = field(default_factory=threading.RLock)
    sending: Claims = field(default_factory=Claims)
