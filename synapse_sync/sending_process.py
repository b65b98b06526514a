"""The process that sends small contents: what goes to it, what it says, and what it does (steps/sender.py starts it).

It holds neither the ledger nor its lock, has its token from the pipe, leaves signals to its parent and ends with it. It
imports no step: most of them are of no use here, and loading them takes longer than all the rest.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import BinaryIO, NamedTuple

from synapse_sync.destinations.base import Destination, Outcome
from synapse_sync.records import Digests, Learned, Observation
from synapse_sync.sources.base import Source

TOGETHER = 0.01  # seconds in which outcomes are gathered: each message wakes the parent
PR_SET_PDEATHSIG = 1  # prctl(2)


class Parcel(NamedTuple):
    """A content on its way to the process."""

    number: int
    name: str
    digests: Digests
    asset: str
    path: bytes
    observed: Observation


class Word(NamedTuple):
    """What the process says: what the server told, what became of contents; fault: why it ends before its time."""

    learned: Learned
    ended: list[tuple[int, Outcome]]
    fault: str = ""


class _Small:
    """A content as the twin sends it: a SmallContent of destinations/base.py."""

    def __init__(self, parcel: Parcel, source: Source) -> None:
        self.number, self.name, self.digests = parcel.number, parcel.name, parcel.digests
        self._place, self._source = (parcel.path, parcel.observed), source

    def read(self) -> bytes:
        """All of it, and a byte more if it has grown."""
        return whole(self._source.open_observed(*self._place), self.digests.size)


class _Report:
    """What the process tells its parent: outcomes together, in a thread of their own."""

    def __init__(self, pipe: Connection, destination: Destination) -> None:
        self._pipe, self._destination = pipe, destination
        self._ended: SimpleQueue[tuple[int, Outcome] | None] = SimpleQueue()
        self._teller = threading.Thread(target=self._tell, name="report", daemon=True)
        self._teller.start()

    def ended(self, small: _Small, outcome: Outcome) -> None:
        """May be called from any thread."""
        self._ended.put((small.number, outcome))

    def close(self, fault: str) -> None:
        """Tell what is left."""
        self._ended.put(None)
        self._teller.join()
        self._pipe.send(Word(self._destination.learned, [], fault))

    def _tell(self) -> None:
        ended = self._ended.get()
        while ended is not None:
            time.sleep(TOGETHER)
            together = []
            while ended is not None:
                together.append(ended)
                try:
                    ended = self._ended.get_nowait()
                except Empty:
                    break
            self._pipe.send(Word(self._destination.learned, together))
            ended = ended and self._ended.get()


def run(pipe: Connection, twin: Callable[[], Destination], sources: Mapping[str, Source], collection: int) -> None:
    """The process: it ends once it is told to, and at once where its parent is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    contents: SimpleQueue[_Small | None] = SimpleQueue()
    stopping = threading.Event()
    threading.Thread(target=_take, args=(pipe, contents, sources, stopping), name="take", daemon=True).start()
    destination = twin()
    report = _Report(pipe, destination)
    fault = ""
    try:
        destination.put_small(collection, contents, report.ended, stopping)
    except BaseException:  # noqa: BLE001 - raised by the parent
        fault = traceback.format_exc()
    report.close(fault)
    destination.close()
    os._exit(0)  # nothing is left to be tidied up, and the parent waits


def _take(
    pipe: Connection, contents: SimpleQueue[_Small | None], sources: Mapping[str, Source], stopping: threading.Event
) -> None:
    """Take in what comes. What is not a list says that no more comes, and whether what was not sent is dropped."""
    try:
        while isinstance(word := pipe.recv(), list):
            for parcel in word:
                contents.put(_Small(parcel, sources[parcel.asset]))
    except (EOFError, OSError):
        os._exit(0)
    if word:
        stopping.set()
    contents.put(None)


def whole(opened: AbstractContextManager[BinaryIO], size: int) -> bytes:
    """All bytes of a file that should have so many, and one more if it has grown."""
    data = b""
    with opened as stream:
        while len(data) < size and (piece := stream.read(size + 1 - len(data))):
            data += piece
    return data
