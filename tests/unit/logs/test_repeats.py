"""Hours without network in a log: said once, counted, told each hour and when it ends."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.logs.entries import Entry
from synapse_sync.logs.repeats import DISTINCT, QUIET, Repeats


def said(at: float, message: str = "no connection", *, feed: str = "scans", level: int = logging.WARNING) -> Entry:
    template = message.split(":")[0]
    return Entry(at, level, message, {"feed": feed}, (), ("log", str(level), template, feed, ""))


def test_hours_without_network() -> None:
    repeats = Repeats()
    lines = [line.message for at in range(0, 3 * 3600, 30) for line in repeats.passed(said(at))]
    lines += [line.message for line in repeats.passed(said(4 * 3600, "registered 3 units"))]
    assert lines == [
        "no connection",
        "no connection (120 more of the same in 60 min)",
        "no connection (120 more of the same in 60 min)",
        "no connection (119 more of the same in 59 min)",
        "registered 3 units",
    ]


def test_after_a_pause_it_is_news_again() -> None:
    repeats = Repeats()
    assert [len(repeats.passed(said(at))) for at in (0, 10, 10 + QUIET)] == [1, 0, 2]


def test_a_clock_that_is_set_back_holds_no_count_back() -> None:
    repeats = Repeats()
    lines = [line.message for at in (1e9, 1e9 + 60, 0, 60, 3660) for line in repeats.passed(said(at))]
    assert lines == [*["no connection", "no connection (1 more of the same in 1 min)"] * 2, "no connection"]


def test_feeds_are_told_apart() -> None:
    repeats = Repeats()
    assert repeats.passed(said(0, feed="scans"))
    assert repeats.passed(said(1, feed="photos"))


def test_many_files_with_the_same_trouble() -> None:
    repeats = Repeats()
    lines = [line.message for n in range(1000) for line in repeats.passed(said(n / 100, f"unreadable: {n}.png"))]
    assert lines == [f"unreadable: {n}.png" for n in range(DISTINCT)]
    assert [line.message for line in repeats.all(20)] == ["unreadable: 999.png (980 more of the like in 1 min)"]


def test_details_are_never_collapsed() -> None:
    repeats = Repeats()
    assert sum(len(repeats.passed(said(n, level=logging.DEBUG))) for n in range(50)) == 50


@given(st.lists(st.tuples(st.floats(0, 4000), st.sampled_from("abc"), st.sampled_from(["x", "y"])), max_size=200))
def test_every_entry_is_written_or_counted(steps: list[tuple[float, str, str]]) -> None:
    repeats, at, written, counted = Repeats(), 0.0, 0, 0
    lines: list[Entry] = []
    for pause, message, feed in steps:
        at += pause
        lines += repeats.passed(said(at, message, feed=feed))
    for line in [*lines, *repeats.all(at)]:
        _, bracket, rest = line.message.partition(" (")
        if bracket:
            counted += int(rest.split()[0].replace(",", ""))
        else:
            written += 1
    assert written + counted == len(steps)


def test_what_went_well_is_told_each_time_unless_it_is_the_very_same() -> None:
    repeats = Repeats()
    runs = ["run: 1 registered", "run: 1 registered", *(f"run: {n} registered" for n in range(2, 100))]
    lines = [line for at, text in enumerate(runs) for line in repeats.passed(said(at, text, level=logging.INFO))]
    assert [line.message for line in lines] == [runs[0], *runs[2:]]
