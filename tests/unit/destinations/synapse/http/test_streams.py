"""Large bodies wait for their turn, and their ends are told to what measures."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from synapse_sync.destinations.synapse.http.streams import Streams
from synapse_sync.errors import Busy, ContentMismatch, OutcomeUnknown, Rejected, SynapseSyncError, Unreachable


class Told:
    """A room that keeps what it is told, and may be made wider."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.ends: list[tuple[int, bool, bool]] = []

    def ended(self, size: int, ok: bool, full: bool = True) -> None:
        self.ends.append((size, ok, full))


def test_no_more_than_there_is_room_for_are_under_way_and_all_get_their_turn() -> None:
    streams = Streams(Told(3))
    lock, now, most = threading.Lock(), 0, 0

    def send(size: int) -> int:
        nonlocal now, most
        with streams.turn(size):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.001)
            with lock:
                now -= 1
        return size

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(send, range(100))) == list(range(100))
    assert most == 3


def test_more_room_is_taken_up_once_one_ends() -> None:
    room = Told(1)
    streams = Streams(room)
    inside = threading.Barrier(4)

    def send() -> None:
        with streams.turn(1):
            inside.wait(10)

    with ThreadPoolExecutor(4) as pool:
        with streams.turn(1):
            waiting = [pool.submit(send) for _ in range(3)]
            room.limit = 3
        inside.wait(10)
        for future in waiting:
            future.result(10)


def test_what_waits_says_whether_there_was_room() -> None:
    room = Told(1)
    streams = Streams(room)
    with streams.turn(5):
        pass
    assert room.ends == [(5, True, False)]

    with ThreadPoolExecutor(1) as pool:
        with streams.turn(6):
            other = pool.submit(lambda: streams.turn(7).__enter__())
            while not streams._waiting:
                time.sleep(0.001)
        other.result(10)
    assert room.ends[1] == (6, True, True)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Busy("x"), [False]), (Unreachable("x"), [False]), (OutcomeUnknown("x"), [False]),
        (Rejected("x"), []), (ContentMismatch("x"), []),
    ],
)  # fmt: skip
def test_trouble_on_the_way_counts_as_lost_and_what_is_wrong_with_a_file_says_nothing(
    error: SynapseSyncError, told: list[bool]
) -> None:
    room = Told(1)
    with pytest.raises(type(error)), Streams(room).turn(1):
        raise error
    assert [ok for _, ok, _ in room.ends] == told
