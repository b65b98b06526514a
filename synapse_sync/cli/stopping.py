"""Ctrl-C and SIGTERM: the first one lets what is under way be finished and recorded, a second one ends at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST = b"\nfinishing what is on its way; once more ends at once\n"


@dataclass
class Stop:
    """Whether the process was asked to end, and by which signal."""

    asked: threading.Event = field(default_factory=threading.Event)
    signal: int = 0

    @property
    def exit_code(self) -> int:
        """As shells have it: 128 and the signal's number."""
        return 128 + self.signal

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        if self.asked.is_set():
            raise KeyboardInterrupt
        self.asked.set()
        os.write(2, FIRST)  # a handler may run in the middle of a print


@contextmanager
def stopping() -> Iterator[Stop]:
    """Listen for both signals; what they did before is put back on leaving."""
    stop = Stop()
    before = {number: signal.signal(number, stop._heard) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
