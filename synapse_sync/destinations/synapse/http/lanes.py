"""Many short requests side by side in one thread: each lane is a connection with at most one request on its way.

Threads that wait for answers wake one another for Python's lock at every system call: ten of them send 1,700 files of
9 KB a second on two cores, one alone 3,200, one that waits for all of its connections together 7,000 (measured against
benchmarks/lean_server.py; no less with 32 lanes). So nothing here may block: sockets don't, and connections are opened
in threads beside. wire.py says what goes over a connection and what came back.

Enters: a queue of items, and what request each one makes. Leaves: each item's answer or error, as it comes.
"""

from __future__ import annotations

import math
import selectors
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from ssl import SSLWantReadError, SSLWantWriteError
from typing import Generic, NamedTuple, Protocol, TypeVar

from synapse_sync.destinations.synapse.http.calls import Kind
from synapse_sync.destinations.synapse.http.errors import Answer, broken, is_trouble
from synapse_sync.destinations.synapse.http.throttle import Throttle
from synapse_sync.destinations.synapse.http.wire import Answers, Garbled, wire
from synapse_sync.errors import DestinationError, SourceError, Unreachable

Item = TypeVar("Item")
Outcome = Answer | DestinationError | SourceError

_RECEIVED = 1 << 16  # bytes read at once
_CONNECTING = 8  # connections opened at the same time
_TURN = 0.01  # seconds between looks at the queue and at connections being opened, while there is room for more
_OVERDUE = 0.5  # seconds between looks for lanes that were silent for too long
_LAST_WAIT = 15.0  # seconds that answers are waited for once no more items come; what is lost then is asked about later
_NOT_YET = (BlockingIOError, SSLWantReadError, SSLWantWriteError)


class Request(NamedTuple):
    """One request, whole; `doing` completes "could not …" in errors, header names and values are ASCII.

    origin: which server it goes to, as `connect` understands it; a connection serves one.
    """

    doing: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    origin: str = ""


class Room(Protocol):
    """How many lanes may be busy now, and where it is told how each request ended."""

    @property
    def limit(self) -> int:
        """At least 1."""

    def ended(self, size: int, ok: bool, full: bool = True) -> None:
        """A request with a body of `size` bytes was answered, or met trouble; full: whether others waited for room."""


class FixedRoom(NamedTuple):
    """The same room always."""

    limit: int

    def ended(self, size: int, ok: bool, full: bool = True) -> None:
        """Nothing follows from it."""


class _Lane(Generic[Item]):
    """A connection that does not block, with its item and request while one is on its way."""

    def __init__(self, connection: socket.socket, origin: str) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.origin = origin
        self.size = 0
        self.item: Item | None = None
        self.doing = ""
        self.deadline = 0.0
        self._answers = Answers()
        self._unsent = memoryview(b"")
        self._spent = False

    def begin(self, item: Item, request: Request, kind: Kind) -> None:
        """Send as much of the request as goes at once."""
        self.item, self.doing, self._kind, self.size = item, request.doing, kind, len(request.body)
        self._unsent = memoryview(wire(request.method, request.target, request.headers) + request.body)
        self._send()

    def go_on(self) -> Answer | None:
        """Send more, read more; the answer once it is whole. Raises OSError, Garbled."""
        if self._unsent:
            self._send()
        while True:
            try:
                data = self.socket.recv(_RECEIVED)
            except _NOT_YET:
                return None
            self._spent = self._spent or not data
            if answer := self._answers.received(data):
                return answer

    def sends(self) -> bool:
        """Whether a part of the request has yet to go."""
        return bool(self._unsent)

    def freed(self) -> bool:
        """Make it ready for the next request; False where the connection is no good for another one.

        So it is where one side ends it, or where more has come than the answer: that would be taken for the next one.
        """
        self.item = None
        return not self._unsent and not self._spent and self._answers.may_go_on

    def is_quiet(self) -> bool:
        """Whether nothing has come in since the last answer: what has would be the server's word that it closes."""
        try:
            self.socket.recv(1)
        except _NOT_YET:
            return True
        except OSError:
            return False
        return False

    def _send(self) -> None:
        wait = self._kind.stall
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
            wait = self._kind.answer
        except _NOT_YET:
            pass  # the selector tells when there is room
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer, and close, before it has read everything: what it said is read next.
            self._spent, self._unsent = True, memoryview(b"")
        self.deadline = time.monotonic() + wait


class Lanes(Generic[Item]):
    """As many lanes as there is room for; `connect` opens one connection to an origin (it may block, and raises
    DestinationError).
    """

    def __init__(self, connect: Callable[[str], socket.socket], room: Room, throttle: Throttle, kind: Kind) -> None:
        self._connect = connect
        self._room = room
        self._throttle = throttle
        self._full = False
        self._kind = kind
        self._selector = selectors.DefaultSelector()
        self._idle: dict[str, deque[_Lane[Item]]] = defaultdict(deque)
        self._busy: set[_Lane[Item]] = set()
        self._opening: dict[Future[socket.socket], tuple[Item, Request]] = {}
        self._look_for_overdue = 0.0
        self._heard_at = time.monotonic()
        self._last_wait_ends = math.inf

    def run(
        self,
        items: SimpleQueue[Item | None],
        request_of: Callable[[Item], Request],
        done: Callable[[Item, Outcome], None],
        stopping: threading.Event,
    ) -> None:
        """Exchange the request of each item for its answer until a None is taken; all before it are finished then.

        `request_of` may raise DestinationError or SourceError, which is the item's outcome. Once `stopping` is set,
        items whose requests have not gone out are dropped, and the answers of others are waited for a short while only.
        """
        self._request_of, self._done, self._stopping = request_of, done, stopping
        with ThreadPoolExecutor(_CONNECTING, thread_name_prefix="connect") as opener:
            try:
                self._exchange_all(items, opener)
            finally:
                for lane in {*self._busy, *(lane for idle in self._idle.values() for lane in idle)}:
                    lane.socket.close()
                self._selector.close()

    def _exchange_all(self, items: SimpleQueue[Item | None], opener: ThreadPoolExecutor) -> None:
        more = True
        while more or self._under_way():
            while more and self._has_room():
                alone = not self._under_way()
                try:
                    item = items.get(block=alone)
                except Empty:
                    break
                if alone:
                    self._attend(0.0)  # a server may have closed lanes while there was nothing to send
                if item is None:
                    more = False
                else:
                    self._start(item, opener)
            self._full = self._under_way() >= self._room.limit
            if self._under_way():
                hungry = self._opening or (more and not self._full)
                self._attend(_TURN if hungry else _OVERDUE)
            elif more:
                self._attend(min(self._throttle.delay(), _OVERDUE))
            if self._stopping.is_set():
                self._hurry()

    def _hurry(self) -> None:
        """Drop what has not gone out; wait for the rest no longer than a short while from now on."""
        for future in [future for future in self._opening if future.cancel()]:
            del self._opening[future]
        self._last_wait_ends = min(self._last_wait_ends, time.monotonic() + _LAST_WAIT)
        for lane in self._busy:
            lane.deadline = min(lane.deadline, self._last_wait_ends)

    def _under_way(self) -> int:
        return len(self._busy) + len(self._opening)

    def _has_room(self) -> bool:
        return self._under_way() < self._room.limit and self._throttle.delay() <= 0

    def _start(self, item: Item, opener: ThreadPoolExecutor) -> None:
        try:
            request = self._request_of(item)
        except (DestinationError, SourceError) as error:
            self._done(item, error)
            return
        idle = self._idle[request.origin]
        while idle:
            lane = idle.pop()
            if lane.is_quiet():
                self._begin(lane, item, request)
                return
            self._drop(lane)
        self._opening[opener.submit(self._connect, request.origin)] = (item, request)

    def _begin(self, lane: _Lane[Item], item: Item, request: Request) -> None:
        self._busy.add(lane)
        self._throttle.reserve(len(request.body))
        try:
            lane.begin(item, request, self._kind)
        except OSError as cause:
            self._fail(lane, cause)
            return
        if lane.sends():
            self._selector.modify(lane.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, lane)

    def _attend(self, patience: float) -> None:
        """Wait for something to happen, at most `patience` seconds, and deal with it."""
        for key, _ in self._selector.select(patience):
            lane: _Lane[Item] = key.data
            if lane in self._busy:
                self._go_on(lane)
            else:  # nothing was asked: the server closes it
                self._idle[lane.origin].remove(lane)
                self._drop(lane)
        for future in [future for future in self._opening if future.done()]:
            self._opened(future)
        now = time.monotonic()
        if now >= self._look_for_overdue:
            self._look_for_overdue = now + _OVERDUE
            for lane in [lane for lane in self._busy if lane.deadline < now]:
                self._give_up(lane, now)

    def _opened(self, future: Future[socket.socket]) -> None:
        item, request = self._opening.pop(future)
        try:
            lane: _Lane[Item] = _Lane(future.result(), request.origin)
        except DestinationError as error:
            self._room.ended(0, ok=False, full=self._full)
            self._done(item, error)
            return
        self._selector.register(lane.socket, selectors.EVENT_READ, lane)
        self._begin(lane, item, request)

    def _go_on(self, lane: _Lane[Item]) -> None:
        sending = lane.sends()
        try:
            answer = lane.go_on()
        except (OSError, Garbled) as cause:
            self._fail(lane, cause)
            return
        if sending and not lane.sends():
            self._selector.modify(lane.socket, selectors.EVENT_READ, lane)
        if answer is not None:
            self._end(lane, answer)

    def _give_up(self, lane: _Lane[Item], now: float) -> None:
        """A lane was silent for too long; the server itself is at fault where it was silent on all others as well."""
        silence = TimeoutError("timed out: the server did not answer in time")
        error = broken(silence, lane.doing, change=self._kind.change)
        if now - self._heard_at >= self._kind.answer:
            error.scope, error.exit_code = "destination", Unreachable.exit_code
        self._end(lane, error)

    def _fail(self, lane: _Lane[Item], cause: Exception) -> None:
        self._end(lane, broken(cause, lane.doing, change=self._kind.change))

    def _end(self, lane: _Lane[Item], outcome: Outcome) -> None:
        self._busy.remove(lane)
        item = lane.item
        self._room.ended(lane.size, isinstance(outcome, Answer) and not is_trouble(outcome), self._full)
        if isinstance(outcome, Answer):
            self._heard_at = time.monotonic()
        if isinstance(outcome, Answer) and lane.freed():
            self._idle[lane.origin].append(lane)
        else:
            self._drop(lane)
        assert item is not None
        self._done(item, outcome)

    def _drop(self, lane: _Lane[Item]) -> None:
        self._selector.unregister(lane.socket)
        lane.socket.close()
