"""Old changes and runs are summed up: what they stood for can still be told, and nothing else is touched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.ledger import Ledger, open_for_writing
from synapse_sync.steps import retention
from synapse_sync.steps.retention import DAY, day_total, sum_up

NOW = 1000 * DAY
KEEP = 180 * DAY
OLD = NOW - 200 * DAY
YOUNG = NOW - 10 * DAY


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a feed and a unit."""
    with open_for_writing(tmp_path / "ledger.db", create=True) as ledger:
        with ledger.write() as transaction:
            transaction.run("add_feed", name="scans", now=OLD)
        yield ledger


def put(ledger: Ledger, query: str, *values: Any) -> None:
    """What time and the triggers would write."""
    writer = ledger._writer
    assert writer is not None
    writer.execute(query, values)


def moved(ledger: Ledger, kind: str, ref: int, *states: str, at: float = OLD, each: float = 1.0) -> None:
    """A file, unit or content went through these states."""
    for number, (was, became) in enumerate(pairwise(states)):
        insert = "INSERT INTO history (at, kind, ref, was, became, code) VALUES (?, ?, ?, ?, ?, ?)"
        put(ledger, insert, at + number * each, kind, ref, was, became, f"to_{became}")


def run(ledger: Ledger, at: float, problems: list[str] | None = None, **counts: int) -> None:
    insert = "INSERT INTO runs (feed, started_at, finished_at, counts, problems) VALUES (1, ?, ?, ?, ?)"
    put(ledger, insert, at, at + 1, json.dumps(counts), json.dumps(problems or []))


def summed(ledger: Ledger, now: float = NOW) -> tuple[int, int]:
    return sum_up(ledger, keep=KEEP, now=now, stop=threading.Event())


def history(ledger: Ledger, kind: str, ref: int) -> list[tuple[Any, ...]]:
    return [
        (row["was"], row["became"], row["times"], row["since"])
        for row in ledger.query("history_of", kind=kind, ref=ref)
    ]


def commits(ledger: Ledger) -> int:
    """Changes with each commit of anybody else."""
    return int(ledger._reader().execute("PRAGMA data_version").fetchone()[0])


def test_one_row_stands_for_the_old_changes_of_a_unit(ledger: Ledger) -> None:
    moved(ledger, "unit", 1, "forming", "complete", "described", "ready", "registering", "registered")
    moved(ledger, "unit", 2, "forming", "complete", at=YOUNG)

    assert summed(ledger) == (4, 0)

    assert history(ledger, "unit", 1) == [("forming", "registered", 5, OLD)]
    [row] = ledger.query("history_of", kind="unit", ref=1)
    assert (row["at"], row["code"]) == (OLD + 4, "to_registered")
    assert history(ledger, "unit", 2) == [("forming", "complete", 1, None)]


def test_what_is_young_stays_and_is_added_when_it_is_old(ledger: Ledger) -> None:
    moved(ledger, "file", 7, "seen", "settled", "grouped", at=OLD)
    moved(ledger, "file", 7, "grouped", "checksummed", "seen", at=YOUNG)
    moved(ledger, "file", 8, "seen", "settled", at=YOUNG)

    summed(ledger)
    assert history(ledger, "file", 7) == [
        ("seen", "grouped", 2, OLD), ("grouped", "checksummed", 1, None), ("checksummed", "seen", 1, None)
    ]  # fmt: skip

    summed(ledger, NOW + KEEP)
    assert history(ledger, "file", 7) == [("seen", "seen", 4, OLD)]


def test_files_and_units_of_one_number_are_not_mixed_up(ledger: Ledger) -> None:
    moved(ledger, "file", 1, "seen", "settled", "gone")
    moved(ledger, "unit", 1, "forming", "complete", "held")
    moved(ledger, "content", 1, "unknown", "present", "unknown")
    moved(ledger, "unit", 9, "forming", "held", at=YOUNG)

    summed(ledger)

    assert history(ledger, "file", 1) == [("seen", "gone", 2, OLD)]
    assert history(ledger, "unit", 1) == [("forming", "held", 2, OLD)]
    assert history(ledger, "content", 1) == [], "a content's own row says how it came to be what it is"


def test_where_nothing_is_old_nothing_is_written(ledger: Ledger) -> None:
    moved(ledger, "unit", 1, "forming", "complete", "held", at=YOUNG)
    run(ledger, YOUNG, new=1)
    run(ledger, YOUNG + 1, new=1)
    before = commits(ledger)

    assert summed(ledger) == (0, 0)
    assert commits(ledger) == before


def test_a_second_time_there_is_nothing_to_do(ledger: Ledger) -> None:
    moved(ledger, "unit", 1, "forming", "complete", "described", "ready")
    for hour in range(5):
        run(ledger, OLD + hour * 3600, new=1)
    run(ledger, YOUNG)
    moved(ledger, "unit", 2, "forming", "complete", at=YOUNG)
    summed(ledger)
    before = commits(ledger)

    assert summed(ledger) == (0, 0)
    assert commits(ledger) == before


def test_the_newest_rows_stay_so_that_no_number_is_given_twice(ledger: Ledger) -> None:
    moved(ledger, "content", 1, "unknown", "present")
    moved(ledger, "content", 2, "unknown", "present")
    run(ledger, OLD, new=1)
    run(ledger, OLD + 1, new=1)

    summed(ledger)

    assert history(ledger, "content", 2) == [("unknown", "present", 1, None)]
    assert [row["id"] for row in ledger.query("last_runs", feed=None, limit=9)] == [2, 1]


def test_changes_from_a_clock_that_was_wrong_hold_nothing_up(ledger: Ledger) -> None:
    moved(ledger, "unit", 1, "forming", "complete", at=NOW + 900 * DAY)
    moved(ledger, "unit", 2, "forming", "complete", "held")
    moved(ledger, "unit", 3, "forming", "complete", at=YOUNG)

    assert summed(ledger)[0] == 1
    assert history(ledger, "unit", 2) == [("forming", "held", 2, OLD)]


def test_it_is_done_in_small_pieces_and_can_be_ended_after_any(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST", 3)
    monkeypatch.setattr(retention, "LEAST", 3)
    monkeypatch.setattr(retention, "MOST", 3)
    for unit in range(10):
        moved(ledger, "unit", unit, "forming", "complete", "described", "ready", at=OLD + unit)
    moved(ledger, "unit", 99, "forming", "complete", at=YOUNG)
    pieces = 0

    class Ending(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal pieces
            pieces += 1
            self.set()
            return True

    while True:
        before = pieces
        sum_up(ledger, keep=KEEP, now=NOW, stop=Ending())
        if pieces == before:
            break

    assert pieces == 10
    assert [history(ledger, "unit", unit) for unit in range(10)] == [
        [("forming", "ready", 3, OLD + unit)] for unit in range(10)
    ]


def test_a_run_stands_for_those_of_its_day(ledger: Ledger) -> None:
    day = OLD - OLD % DAY
    run(ledger, day + 10, new=3, listed=100)
    run(ledger, day + 20, ["no connection"], new=2, listed=102)
    run(ledger, day + DAY, new=7)
    run(ledger, YOUNG, new=1)

    assert summed(ledger) == (0, 1)

    told = [
        (row["id"], row["started_at"], row["finished_at"], json.loads(row["counts"]), row["times"])
        for row in ledger.query("last_runs", feed=None, limit=9)
    ]
    assert told == [
        (4, YOUNG, YOUNG + 1, {"new": 1}, 1),
        (3, day + DAY, day + DAY + 1, {"new": 7}, 1),
        (2, day + 10, day + 21, {"new": 5, "listed": 102}, 2),
    ]


COUNTS = st.dictionaries(st.sampled_from(["new", "registered", "listed"]), st.integers(0, 9))


@given(st.lists(COUNTS, min_size=1, max_size=5), st.lists(COUNTS, min_size=1, max_size=5))
def test_a_day_that_is_summed_up_in_two_parts_is_the_same_day(
    one: list[dict[str, int]], two: list[dict[str, int]]
) -> None:
    def rows(counts: list[dict[str, int]], first: int) -> list[dict[str, Any]]:
        return [
            {"id": n, "started_at": n, "finished_at": n, "counts": json.dumps(c), "problems": f"[{n % 3}]", "times": 1}
            for n, c in enumerate(counts, first)
        ]

    def as_row(total: dict[str, Any]) -> dict[str, Any]:
        return {**total, "counts": json.dumps(total["counts"]), "problems": json.dumps(total["problems"])}

    first, second = rows(one, 1), rows(two, 1 + len(one))

    assert day_total([as_row(day_total(first)), as_row(day_total(second))]) == day_total([*first, *second])
