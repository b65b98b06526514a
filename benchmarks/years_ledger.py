"""A ledger as years of work leave it, made by the ledger's own statements with a clock that is told what time it is."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

from synapse_sync.ledger import Ledger, Transaction

DAY = 86400.0
RUNS = 12  # a day in which something came


class Past:
    """The life of one feed from `began` on (Unix): each day so many units of one file of 9 KB, each another content."""

    def __init__(self, ledger: Ledger, feed: int, place: dict[str, Any], began: float) -> None:
        self._ledger = ledger
        self._feed = feed
        self._place = place
        self._began = began
        self._numbers = iter(range(1, 1 << 40))
        self._cell = {"device": 1, "untyped": 0, "sidecar": ""}

    def lives(self, units: int, days: int) -> None:
        """Let the days go by."""
        for day in range(days):
            share = units * (day + 1) // days - units * day // days
            for run in range(RUNS):
                amount = share * (run + 1) // RUNS - share * run // RUNS
                if amount:
                    self._run(self._began + (day + run / RUNS) * DAY, amount)
            self._ledger.fold()

    def _run(self, now: float, amount: int) -> None:
        """One run: what came is listed, settles, is grouped, described, read, sent and registered."""
        numbers = [next(self._numbers) for _ in range(amount)]
        with self._ledger.write() as transaction:
            run = transaction.one("add_run", feed=self._feed, at=now)["id"]
            stamp = {"now": now, "run": run}
            transaction.run_many("add_file", self._listed(numbers, now))
            until = {"feed": self._feed, "asset": "", "until": now, "limit": amount, "folders": None, "without": []}
            transaction.run("settle_files", **until, **stamp)
            rows = transaction.query("files_to_place", feed=self._feed, detects=False, limit=amount)
            for row in rows:
                self._becomes_a_unit(transaction, row["id"], row["name"].decode(), now, stamp)
            counts = {
                "new": amount,
                "read_files": amount,
                "sent_files": amount,
                "registered": amount,
                "listed": numbers[-1],
            }
            transaction.run("finish_run", id=run, at=now + 30, counts=counts, problems=[])

    def _listed(self, numbers: list[int], now: float) -> Iterator[dict[str, Any]]:
        place = {"feed": self._feed, "asset": "", "at": now, "first_seen": now, **self._cell}
        for number in numbers:
            times = {"mtime_ns": int(now * 1e9), "ctime_ns": int(now * 1e9)}
            name, folder = f"scan_{number:08}.png".encode(), f"{number // 1000:06}".encode()
            yield {**place, **times, "dir": folder, "name": name, "size": 9000, "token": number}

    def _becomes_a_unit(
        self, transaction: Transaction, file: int, name: str, now: float, stamp: dict[str, Any]
    ) -> None:
        key, path = name.removesuffix(".png"), f"{file // 1000:06}/{name}"
        guard = {"id": file, "revision": 1}
        transaction.run("place_file", **guard, bucket=key, detach=False)
        unit = transaction.one("add_unit", feed=self._feed, key=key, version=1, bucket=key, now=now, **self._place)[
            "id"
        ]
        transaction.run("add_unit_file", unit=unit, spec="image_1", file=file, path=path)
        transaction.run("join_unit", unit=unit, id=file, **stamp)
        decided = {"became": "complete", "code": "completed", "reason": "", "decide_at": None, "changed_at": now}
        transaction.run("decide_unit", id=unit, **decided, **stamp)
        meta = json.dumps({"data_unit_key": key, "site": "Seoul", "age": file % 90, "sync_key": _digest(key, "sha1")})
        sources = json.dumps({"site": "values in the config", "age": f"meta.csv, row {file}, column age"})
        revision = {"id": unit, "revision": 2}
        transaction.run("describe_unit", **revision, meta=meta, groups="[]", sources=sources, overruled="[]", **stamp)
        digests = {"md5": _digest(key, "md5"), "sha1": _digest(key, "sha1"), "size": 9000}
        content = transaction.one("content_id", destination=self._place["destination"], **digests)["id"]
        transaction.run("record_read", **guard, content=content, differs=False, code="read", **stamp)
        transaction.run("fix_contents", units=[unit])
        ready = {"became": "ready", "code": "ready", "reason": "", "fingerprint": _digest(key, "sha256"), "meta": meta}
        transaction.run("unit_ready", **revision, **ready, **stamp)
        there = {"code": "sent", "checksum": digests["sha1"], "data_file": file}
        transaction.run("content_present", id=content, **there, **stamp)
        transaction.run("unit_registering", id=unit, **stamp)
        intent = {"kind": "register", "api": "v2", "batch": _digest(str(stamp["run"]), "md5")}
        transaction.run("add_intent", unit=unit, now=now, **intent)
        transaction.run("unit_created", id=unit, server_id=unit + 10**7, outcome="created", task=False, **stamp)
        transaction.run("resolve_intents", units=[unit], kind="register", outcome="created", now=now + 1)


def _digest(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()


def three_years_ago() -> float:
    """Unix time."""
    return time.time() - 3 * 365 * DAY
