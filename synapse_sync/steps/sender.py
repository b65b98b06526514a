"""Many small contents are sent by a process of their own, so that the steps do not share Python's lock with sending.

    Sending ─► pipe ─► the destination's twin, which reads the file and sends it ─► pipe ─► its outcome

Where the process ends before its time, what it had is sent again later: the server is asked first, as after every
failure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from multiprocessing import get_context
from queue import Empty, SimpleQueue

from synapse_sync.destinations.base import Destination, Outcome
from synapse_sync.errors import Busy
from synapse_sync.records import Learned
from synapse_sync.sending_process import Parcel, Word, run
from synapse_sync.sources.base import Source
from synapse_sync.steps.sending import Sending

MANY = 1000  # files that are new to a run when the process begins to gain more than its start costs (0.2 s of CPU time)
AT_ONCE = 100  # contents in one message


class Sender:
    """The process that sends small contents into one collection. It starts at once, and serves one queue."""

    def __init__(
        self, destination: Destination, twin: Callable[[], Destination], sources: Mapping[str, Source], collection: int
    ) -> None:
        context = get_context("spawn")
        self._destination, self._learned = destination, destination.learned
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=run, args=(there, twin, sources, collection), name="sender", daemon=True)
        self._process.start()
        there.close()
        self._fault = ""
        self._more = True
        self._under_way: dict[int, Sending] = {}

    def serve(
        self,
        contents: SimpleQueue[Sending | None],
        done: Callable[[Sending, Outcome], None],
        stopping: threading.Event,
    ) -> bool:
        """Send until a None comes, as Destination.put_small does; False where the process ended before it came.

        What the server tells the twin is told to the destination.
        """

        def listen() -> None:
            self._listen(done)
            self._lose(done, stopping)

        listener = threading.Thread(target=listen, name="sender", daemon=True)
        listener.start()
        with suppress(OSError):  # it ended: the listener tells what it had, at once
            while self._more:
                self._hand_on(contents)
            self._pipe.send(stopping.is_set())
        listener.join()
        self._process.join()
        self._pipe.close()
        if self._fault:
            raise RuntimeError(self._fault)
        self._lose(done, stopping)  # what was handed on when nobody listened any more
        return not self._more

    def stop(self) -> None:
        """End a process that serves nobody."""
        self._pipe.close()
        self._process.join()

    def _hand_on(self, contents: SimpleQueue[Sending | None]) -> None:
        """What is there goes into the pipe, as soon as there is something."""
        batch: list[Parcel] = []
        sending = contents.get()
        while sending is not None:
            self._under_way[id(sending)] = sending
            batch.append(Parcel(id(sending), sending.name, sending.digests, *sending.place))
            if len(batch) == AT_ONCE:
                break
            try:
                sending = contents.get_nowait()
            except Empty:
                break
        self._more = sending is not None
        self._pipe.send(batch)

    def _listen(self, done: Callable[[Sending, Outcome], None]) -> None:
        with suppress(EOFError, OSError):  # it ended
            while True:
                word: Word = self._pipe.recv()
                self._learn(word.learned)
                for number, outcome in word.ended:
                    done(self._under_way.pop(number), outcome)
                self._fault = word.fault

    def _lose(self, done: Callable[[Sending, Outcome], None], stopping: threading.Event) -> None:
        """The process ended: what became of the rest is not known, unless it was dropped."""
        while self._under_way:
            _, sending = self._under_way.popitem()
            lost = Busy(f"could not upload {sending.name}: the process that sends ended", hint="tried again by itself")
            lost.scope = "call"
            if not stopping.is_set():
                done(sending, lost)

    def _learn(self, learned: Learned) -> None:
        before, self._learned = asdict(self._learned), learned
        if told := {name: value for name, value in asdict(learned).items() if value != before[name]}:
            self._destination.recall(replace(self._destination.learned, **told))
