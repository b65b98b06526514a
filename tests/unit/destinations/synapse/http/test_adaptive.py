"""How many requests at once are found right for servers and lines of every kind: simulated, in virtual time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.http.adaptive import LARGE, SMALL, AdaptiveLimit, Bounds

SIZE = 9_000


class Served(NamedTuple):
    """When a request is done, and whether it came through."""

    at: float
    ok: bool = True


Server = Callable[[float, int], Served]
"""What becomes of a request that begins now, with so many under way, itself included."""


class World:
    """A client that always has as many requests under way as it may, and the time."""

    def __init__(self, server: Server, bounds: Bounds = SMALL, size: int = SIZE) -> None:
        self.now = 0.0
        self.server = server
        self.size = size
        self.adaptive = AdaptiveLimit(bounds, lambda: self.now)
        self.history: list[tuple[float, int]] = []
        self.ended = self.lost = 0
        self._under_way: list[tuple[float, int, bool]] = []

    def run(self, seconds: float, most: int = 1000) -> None:
        """Go on; `most`: how many requests there are to be sent at once, with whatever limit."""
        end = self.now + seconds
        while self.now < end:
            while len(self._under_way) < min(self.adaptive.limit, most):
                served = self.server(self.now, len(self._under_way) + 1)
                heapq.heappush(self._under_way, (served.at, self.ended + len(self._under_way), served.ok))
            full = len(self._under_way) >= self.adaptive.limit
            self.now, _, ok = heapq.heappop(self._under_way)
            self.ended, self.lost = self.ended + 1, self.lost + (not ok)
            self.adaptive.ended(self.size, ok, full)
            self.history.append((self.now, self.adaptive.limit))

    def limits(self, since: float) -> list[int]:
        return [limit for now, limit in self.history if now >= since]

    def share_within(self, low: int, high: int, since: float) -> float:
        limits = self.limits(since)
        return sum(low <= limit <= high for limit in limits) / len(limits)


def far_away(latency: float, seed: int = 0) -> Server:
    """No limit but the way there and back, which varies by a tenth."""
    dice = random.Random(seed)
    return lambda now, _: Served(now + latency * dice.uniform(0.95, 1.05))


def one_after_the_other(rate: float, latency: float, seed: int = 0) -> Server:
    """A server that does so many a second, whatever waits."""
    dice, free_at = random.Random(seed), 0.0

    def serve(now: float, _: int) -> Served:
        nonlocal free_at
        free_at = max(free_at, now + latency / 2) + dice.uniform(0.9, 1.1) / rate
        return Served(free_at + latency / 2)

    return serve


def behind_a_proxy(above: int, share: float, latency: float = 0.04, seed: int = 0) -> Server:
    """A proxy that refuses a share of what comes while more than so many are under way."""
    dice, line = random.Random(seed), far_away(latency, seed + 1)
    return lambda now, under_way: Served(line(now, under_way).at, not (under_way > above and dice.random() < share))


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_is_busy_with_few_gets_few(seed: int) -> None:
    world = World(one_after_the_other(1000, 0.005, seed))
    world.run(40)
    assert max(world.limits(10)) <= SMALL.start + 4
    assert world.ended / world.now == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_is_busy_with_some_gets_about_so_many(seed: int) -> None:
    world = World(one_after_the_other(1000, 0.04, seed))  # 40 requests keep it busy
    world.run(60)
    assert world.share_within(36, 62, since=10) > 0.95
    assert world.ended / world.now > 900


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("latency", "seconds"), [(0.02, 5), (0.04, 5), (0.2, 10), (0.4, 15)])
def test_a_long_way_is_filled_within_seconds(latency: float, seconds: float, seed: int) -> None:
    world = World(far_away(latency, seed))
    world.run(seconds)
    assert world.adaptive.limit >= 90
    world.run(20)
    assert world.share_within(90, SMALL.most, since=seconds) == 1


@pytest.mark.parametrize("seed", range(3))
def test_where_a_proxy_refuses_what_goes_beyond_some_it_stays_around_there(seed: int) -> None:
    world = World(behind_a_proxy(20, 0.05, seed=seed))
    world.run(60)
    assert world.share_within(14, 24, since=5) > 0.95
    late = world.limits(5)
    assert sum(late) / len(late) >= 17
    assert world.lost / world.ended < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_losses_that_are_usual_do_not_slow_it_down(seed: int) -> None:
    world = World(behind_a_proxy(0, 0.006, seed=seed))
    world.run(20)
    assert world.adaptive.limit >= 60
    world.run(30)
    late = world.limits(20)
    assert sum(late) / len(late) >= 75


@pytest.mark.parametrize("seed", range(3))
def test_it_recovers_once_a_proxy_lets_through_more(seed: int) -> None:
    world = World(behind_a_proxy(20, 0.05, seed=seed))
    world.run(30)
    world.server = far_away(0.04)
    world.run(30)
    assert world.adaptive.limit >= 90


def test_it_goes_down_to_the_least_while_all_is_lost_and_recovers() -> None:
    world = World(far_away(0.04))
    world.run(10)
    world.server = lambda now, _: Served(now + 0.01, False)
    world.run(10)
    assert world.adaptive.limit == SMALL.least
    world.server = far_away(0.04)
    world.run(30)
    assert world.adaptive.limit >= 90


def test_it_gives_way_when_a_server_that_was_fast_begins_to_refuse() -> None:
    world = World(far_away(0.04))
    world.run(10)
    world.server = behind_a_proxy(30, 0.2)
    world.run(10)
    assert max(world.limits(15)) <= 36


def test_speed_says_nothing_while_there_is_too_little_to_send() -> None:
    world = World(far_away(0.04))
    world.run(30, most=10)
    assert set(world.limits(0)) == {SMALL.start}
    world.run(10)
    assert world.adaptive.limit >= 90


def test_losses_count_even_while_there_is_little_to_send() -> None:
    world = World(behind_a_proxy(0, 0.5))
    world.run(30, most=10)
    assert world.adaptive.limit == SMALL.least


def test_larger_files_that_take_longer_do_not_pass_for_gains_or_losses() -> None:
    """A line of 10 MB/s: sizes change from window to window, the best limit does not."""
    dice, free_at = random.Random(1), 0.0
    now = 0.0
    adaptive = AdaptiveLimit(SMALL, lambda: now)
    limits = []
    for _ in range(60_000):
        size = dice.choice([1_000, 9_000, 100_000])
        free_at += size / 10_000_000
        now = free_at
        adaptive.ended(size, True)
        limits.append(adaptive.limit)
    assert sum(limits[3000:]) / len(limits[3000:]) <= 40


@pytest.mark.parametrize("seed", range(3))
def test_large_bodies_of_which_each_is_slow_are_as_many_as_may_be(seed: int) -> None:
    """Where a window of TCP, not the line, limits each: 5 MB/s a stream, 50 MB each."""
    world = World(far_away(10, seed), LARGE, 50_000_000)
    world.run(300)
    assert world.adaptive.limit >= 28


@pytest.mark.parametrize("seed", range(3))
def test_large_bodies_that_fill_the_line_stay_few(seed: int) -> None:
    world = World(one_after_the_other(2, 0.04, seed), LARGE, 50_000_000)
    world.run(2000)
    late = world.limits(200)
    assert sum(late) / len(late) <= LARGE.start + 2
    assert world.ended / world.now == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_large_bodies_give_way_where_a_proxy_drops_what_goes_beyond_some(seed: int) -> None:
    world = World(behind_a_proxy(4, 0.3, latency=2, seed=seed), LARGE, 5_000_000)
    world.run(600)
    late = world.limits(100)
    assert 2 <= sum(late) / len(late) <= 6


@given(
    st.sampled_from([SMALL, LARGE]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**6), st.booleans(), st.booleans()), max_size=2000),
)
def test_it_never_leaves_its_bounds(bounds: Bounds, requests: list[tuple[float, int, bool, bool]]) -> None:
    now = 0.0
    adaptive = AdaptiveLimit(bounds, lambda: now)
    for pause, size, ok, full in requests:
        now += pause
        adaptive.ended(size, ok, full)
        assert bounds.least <= adaptive.limit <= bounds.most
