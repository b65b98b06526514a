"""What keeps the ledger small over years: old changes and old runs are summed up, in small transactions.

One row of history stands for all older changes of a file or unit: what it was first, what it became last, how many
changes, since when; contents keep none, as their own rows say the same. One run stands for those of a feed's day.
Files, contents and units, fingerprints and the server's ids stay for ever. The newest row of each table always stays,
so that no number is given twice. Where nothing is old nothing is written.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from synapse_sync.ledger import Ledger, Row, Transaction
from synapse_sync.steps.work import MOST_PROBLEMS

AIM = 0.005
"""Seconds that one transaction is to take, so that nobody who writes waits for long."""

FIRST, LEAST, MOST = 100, 10, 5000  # changes in one transaction: the first time, and whatever was measured
RUNS = 5000  # runs looked at together: more than a feed has in a day with `run_every` of a minute
DAY = 86400.0

MEASURED = (
    "listed", "excluded", "special", "unreadable_folders", "to_do", "settling", "table_rows", "rows_without_unit",
    "units_without_row",
)  # fmt: skip
"""Figures of a run that say how much there was: the day's last one counts. All others are added up."""


def sum_up(ledger: Ledger, *, keep: float, now: float, stop: threading.Event) -> tuple[int, int]:
    """Sum up what is older than `keep` seconds, until all is or `stop` is set; how many rows of both went."""
    changes = _sum_up_changes(ledger, now - keep, now, stop)
    return changes, _sum_up_runs(ledger, _day(now - keep) * DAY, stop)


def _sum_up_changes(ledger: Ledger, before: float, now: float, stop: threading.Event) -> int:
    done, amount = 0, FIRST
    after = _through(ledger, "history")
    young = ledger.query("first_young_change", after=after, before=before, now=now)
    until = young[0]["id"] if young else ledger.query("newest_change")[0]["id"]
    while not stop.is_set():
        last = ledger.query("old_changes", after=after, young=until, limit=amount)[0]["last"]
        if last is None:
            break
        began = time.monotonic()
        with _going_to(ledger, "history", last) as transaction:
            done += transaction.run("drop_content_changes", after=after, last=last)
            transaction.run("sum_up_changes", after=after, last=last)
            done += transaction.run("drop_changes", after=after, last=last)
        after = last
        took = time.monotonic() - began
        amount = min(max(int(amount * min(max(AIM / took, 0.5), 2.0)), LEAST), MOST)
        stop.wait(took)  # whoever else writes has its turn
    return done


def _sum_up_runs(ledger: Ledger, before: float, stop: threading.Event) -> int:
    done = 0
    after = _through(ledger, "runs")
    while not stop.is_set() and (rows := ledger.query("old_runs", after=after, before=before, limit=RUNS)):
        whole = [row for row in rows if _day(row["started_at"]) != _day(rows[-1]["started_at"])]
        if len(rows) == RUNS and whole:
            rows = whole  # the last day may go on after these
        with _going_to(ledger, "runs", rows[-1]["id"]) as transaction:
            for runs in _by_day(rows):
                transaction.run("sum_up_run", **day_total(runs))
                done += transaction.run("drop_runs", ids=[run["id"] for run in runs[:-1]])
        after = rows[-1]["id"]
    return done


def day_total(runs: Sequence[Mapping[str, Any] | Row]) -> dict[str, Any]:
    """One row for several runs of a feed, in order, with the id of the last. Pure."""
    counts: Counter[str] = Counter()
    problems: dict[str, None] = {}
    for run in runs:
        for name, amount in json.loads(run["counts"]).items():
            counts[name] = amount if name in MEASURED else counts[name] + amount
        problems.update(dict.fromkeys(json.loads(run["problems"])))
    return {
        "id": runs[-1]["id"],
        "started_at": runs[0]["started_at"],
        "finished_at": runs[-1]["finished_at"],
        "counts": dict(counts),
        "problems": list(problems)[:MOST_PROBLEMS],
        "times": sum(run["times"] for run in runs),
    }


def _by_day(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The runs of each feed and day of which there are several."""
    days: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        days[row["feed"], _day(row["started_at"])].append(row)
    yield from (runs for runs in days.values() if len(runs) > 1)


def _day(at: float) -> int:
    return int(at // DAY)


def _through(ledger: Ledger, chore: str) -> int:
    rows = ledger.query("upkeep_through", chore=chore)
    return int(rows[0]["through"]) if rows else 0


@contextmanager
def _going_to(ledger: Ledger, chore: str, row: int) -> Iterator[Transaction]:
    """A transaction after which a chore has come to this row."""
    with ledger.write() as transaction:
        yield transaction
        transaction.run("upkeep_went", chore=chore, through=row)
