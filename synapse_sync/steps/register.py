"""Ready units are registered in batches. The intent is on disk before the request goes out.

A request whose answer was lost is never just repeated: on v2, which is idempotent, the units go again through v2; on v1
the collection is looked through for them first (reconcile.py). A batch that the server refuses is bisected, so that one
bad unit takes no other down.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from synapse_sync.destinations.base import Api
from synapse_sync.errors import DestinationError, FeedPaused, OutcomeUnknown, Rejected
from synapse_sync.ledger import Row, Transaction
from synapse_sync.metadata.automatic import SYNC_KEY
from synapse_sync.records import OutgoingUnit, UnitOutcome
from synapse_sync.states import Code
from synapse_sync.steps.adopt import adopted, still_going
from synapse_sync.steps.backoff import MARGIN, next_attempt
from synapse_sync.steps.beginning import Beginning
from synapse_sync.steps.survey import look_through, recognised, take
from synapse_sync.steps.vouching import read_all_the_same
from synapse_sync.steps.work import Work

LINGER = 1.0
UNKNOWN = (
    "outcome unknown: its registration may have made it ({why}); look it up in the collection: `retry` sends it again"
)


def register(work: Work) -> int:
    """Register one batch of ready units; returns how many. Raises errors that concern the whole destination."""
    api = work.destination.api
    if work.table.pending or not api:
        return 0  # its new version may change the meta of what is ready
    left = _left_for_this_run(work)
    limit = min(work.config.upload.batch_size, max(left, 1))
    asked_before = _to_ask_again(work, limit)
    rows = asked_before or work.ledger.query("units_to_register", feed=work.id, now=work.clock(), limit=limit)
    if not rows or _fuller_batch_comes(work, len(rows), limit):
        return 0
    beginning = Beginning(work)
    beginning.require_none_refused()
    if left <= 0:
        raise FeedPaused(
            f"feed {work.feed.name} registered max_units_per_run = {work.feed.max_units_per_run} units and has more",
            hint="look at `units`; the next run goes on",
        )
    attempts = {row["id"]: row["attempts"] for row in rows}
    units = outgoing(work, rows)
    if asked_before:
        _Registration(work, "v2", attempts, asked_before=True).send(units)
        return len(rows)
    there = adopted(work, units)
    if new := _certain(work, [unit for unit in units if unit.id not in there]):
        _Registration(work, api, attempts, asked_before=False).begin(new, lambda: beginning.compare(new))
    return len(rows)


def _certain(work: Work, units: Sequence[OutgoingUnit]) -> list[OutgoingUnit]:
    """These units, without those that the collection may have under checksums that nobody here knows.

    A content that was only vouched for is known by its MD5; a unit of another program may be made of the same content
    under its SHA-1. So it is read before it is registered beside units that are not ours.
    """
    if not (work.destination.may_know_by("sha1") and work.ledger.query("any_found", **work.place)):
        return list(units)
    rows = work.ledger.query("units_vouched_for", units=[unit.id for unit in units])
    unread = {row["id"] for row in rows}
    if unread:
        with work.ledger.write() as transaction:
            read_all_the_same(transaction, sorted(unread), work.stamp(transaction))
    return [unit for unit in units if unit.id not in unread]


def outgoing(work: Work, rows: Sequence[Row]) -> list[OutgoingUnit]:
    """These rows of units_to_register as they are sent."""
    files: dict[int, dict[str, tuple[str, str]]] = defaultdict(dict)
    for row in work.ledger.query("bound_files", units=[row["id"] for row in rows]):
        files[row["unit"]][row["spec"]] = (row["checksum"], row["path"])
    units = []
    for row in rows:
        meta = json.loads(row["meta"])
        groups = tuple(json.loads(row["groups"]))
        units.append(OutgoingUnit(row["id"], row["key"], files[row["id"]], meta, meta.get(SYNC_KEY, ""), groups))
    return units


def _fuller_batch_comes(work: Work, ready: int, limit: int) -> bool:
    """While uploads are under way a batch may fill up for LINGER seconds: a request costs as much as 50 units (§7)."""
    return ready < limit and len(work.uploads) > 0 and work.clock() - work.registered_at < LINGER


def _to_ask_again(work: Work, limit: int) -> list[Row]:
    """Units that were sent through v2, and whose answer was lost."""
    return work.ledger.query("units_to_ask_again", feed=work.id, now=work.clock(), limit=limit, **work.place)


def _left_for_this_run(work: Work) -> int:
    """How many units this run may still register: with more than expected, more often than not settings are wrong."""
    limit = work.feed.max_units_per_run
    return sys.maxsize if limit is None else limit - work.run.counts["registered"]


class _Registration:
    """One batch on its way, in as many requests as its bad units make necessary."""

    def __init__(self, work: Work, api: Api, attempts: Mapping[int, int], *, asked_before: bool) -> None:
        self._work = work
        self._api: Api = api
        self._attempts = attempts
        self._asked_before = asked_before

    def send(self, units: Sequence[OutgoingUnit]) -> None:
        """One request; its refusal is narrowed down to the guilty unit by halves."""
        if going := self._record_intents(units):
            self._conclude(going, lambda: self._ask(going))

    def begin(self, units: Sequence[OutgoingUnit], then: Callable[[], None]) -> None:
        """The same, while steps go on that change nothing on the server; `then` is done when all is recorded."""
        going = self._record_intents(units)
        if not going:
            return
        alone = self._work.together.registering(self._work.collection.id)

        def conclude(answer: Callable[[], Sequence[UnitOutcome]]) -> int:
            try:
                self._conclude(going, answer)
                then()
            finally:
                alone.release()
            return len(going)

        alone.acquire()  # once more than the step did: it is kept until the answer is recorded
        self._work.registration.begin(lambda: self._ask(going), conclude)

    def _ask(self, units: Sequence[OutgoingUnit]) -> Sequence[UnitOutcome]:
        return self._work.destination.register(self._work.collection.id, units, self._api)

    def _conclude(self, units: Sequence[OutgoingUnit], answer: Callable[[], Sequence[UnitOutcome]]) -> None:
        try:
            outcomes = answer()
        except Rejected as error:
            self._work.collection_stale = True
            if len(units) > 1:
                self._narrow_down(units, error)
                return
            outcomes = [UnitOutcome("rejected", reason=error.message)]
        except OutcomeUnknown as error:
            outcomes = [UnitOutcome("unknown", reason=error.message) for _ in units]
        except DestinationError as error:
            self._take_back(units, Code.FAILED, error)
            self._work.collection_stale |= error.status is not None and error.status < 500
            raise
        self._settle(units, outcomes)

    def _narrow_down(self, units: Sequence[OutgoingUnit], error: Rejected) -> None:
        """A refused batch goes again by halves, without what was or may have been made of it all the same."""
        left = self._not_made(units, error) if self._api == "v1" else units
        self._take_back(left, Code.REJECTED, error)
        middle = len(left) // 2
        for half in (left[:middle], left[middle:]):
            if half:
                self.send(half)

    def _not_made(self, units: Sequence[OutgoingUnit], error: Rejected) -> list[OutgoingUnit]:
        """Those of a refused batch that v1 certainly did not make: nobody promises that it takes all or nothing (§5).

        What it made is recorded; of the others the outcome is unknown, and reconcile goes on with them.
        """
        work = self._work
        try:
            shown = look_through(work, work.registered_at - MARGIN)
            found = recognised(work, units)
        except DestinationError as lost:
            self._settle(units, [UnitOutcome("unknown", reason=lost.message) for _ in units])
            return []
        with work.ledger.write(durable=True) as transaction:
            resolved = {"kind": "register", "outcome": Code.CREATED, "now": work.clock()}
            transaction.run("resolve_intents", units=list(found), **resolved)
            for unit, server_id in found.items():
                take(work, transaction, unit, server_id, Code.CREATED)
        work.run.count("registered", len(found))
        work.run.count("registered_files", sum(len(unit.files) for unit in units if unit.id in found))
        missing = [unit for unit in units if unit.id not in found]
        doubtful = [unit for unit in missing if not shown.tells(unit)]
        self._settle(doubtful, [UnitOutcome("unknown", reason=error.message) for _ in doubtful])
        return [unit for unit in missing if shown.tells(unit)]

    def _settle(self, units: Sequence[OutgoingUnit], outcomes: Sequence[UnitOutcome]) -> None:
        """Record what became of each unit."""
        with self._work.ledger.write(durable=True) as transaction:
            resolved = {"kind": "register", "now": self._work.clock()}
            for kind in {outcome.kind for outcome in outcomes}:
                these = [unit.id for unit, outcome in zip(units, outcomes, strict=True) if outcome.kind == kind]
                transaction.run("resolve_intents", units=these, outcome=kind, **resolved)
            for unit, outcome in zip(units, outcomes, strict=True):
                self._record(transaction, unit.id, outcome)
                if outcome.kind in ("created", "reused"):
                    self._work.run.count("registered_files", len(unit.files))

    def _record_intents(self, units: Sequence[OutgoingUnit]) -> list[OutgoingUnit]:
        """Those that still go: while they were read, another feed's unit of equal content may have taken a place."""
        self._work.registered_at = self._work.clock()
        asked = {"kind": "register", "api": self._api, "batch": uuid.uuid4().hex}
        with self._work.ledger.write(durable=True) as transaction:
            stamp = self._work.stamp(transaction)
            going = still_going(transaction, units)
            transaction.run_many("unit_registering", ({"id": unit.id, **stamp} for unit in going))
            transaction.run_many("add_intent", ({"unit": unit.id, "now": stamp["now"], **asked} for unit in going))
        return going

    def _record(self, transaction: Transaction, unit: int, outcome: UnitOutcome) -> None:
        """What became of one unit."""
        work = self._work
        stamp = work.stamp(transaction)
        if outcome.kind in ("created", "reused"):
            created = {"server_id": outcome.server_id, "outcome": outcome.kind, "task": work.feed.project is not None}
            transaction.run("unit_created", id=unit, **created, **stamp)
            work.run.count("registered" if outcome.kind == "created" else "reused")
        elif outcome.kind in ("unknown", "unmentioned"):
            again = next_attempt(work.clock(), self._attempts[unit] + 1)
            transaction.run("ask_later", id=unit, failed=1, not_before=again, reason=outcome.reason)
        elif outcome.lacking and not transaction.query("lacked_before", unit=unit):
            lacking = [checksum.lower() for checksum in outcome.lacking]
            transaction.run("content_lost", unit=unit, lacking=lacking, reason=outcome.reason, **stamp)
            self._go_again(transaction, unit, Code.LACKING, outcome.reason, stamp["now"])
        else:
            reason = f"the server refuses it: {outcome.reason}"
            transaction.run("hold_unit", id=unit, code=Code.REJECTED, reason=reason, **stamp)
            work.run.count("rejected")

    def _take_back(self, units: Sequence[OutgoingUnit], code: Code, error: DestinationError) -> None:
        """The request changed nothing: its units go again, at once where only the batch was wrong.

        Units that the server may have from an earlier request stay as they were sent; others are ready again.
        """
        outcome = "rejected" if code == Code.REJECTED else "failed"
        with self._work.ledger.write(durable=True) as transaction:
            now = self._work.stamp(transaction)["now"]
            these = [unit.id for unit in units]
            transaction.run("resolve_intents", units=these, kind="register", outcome=outcome, now=now)
            for unit in units:
                tries = self._attempts[unit.id] + 1
                again = now if code == Code.REJECTED else next_attempt(now, tries, at_least=error.retry_after)
                failed = code != Code.REJECTED
                if self._asked_before:
                    why = {"failed": int(failed), "not_before": again, "reason": str(error)}
                    transaction.run("ask_later", id=unit.id, **why)
                else:
                    self._go_again(transaction, unit.id, code, str(error), again, failed=failed)

    def _go_again(
        self, transaction: Transaction, unit: int, code: Code, reason: str, at: float, *, failed: bool = True
    ) -> None:
        moved = {"code": code, "reason": reason, "failed": int(failed), "not_before": at}
        transaction.run("unit_unsent", id=unit, **moved, **self._work.stamp(transaction))
