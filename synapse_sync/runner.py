"""Runs: one pass of all steps over feeds until nothing is ready. drain() serves `once`, `plan` and the daemon.

Later steps go first, so that what is found flows through to its end before more is taken up and memory stays flat.
Errors that concern one file or unit are recorded by its step; here are those that concern a feed or the server.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

from synapse_sync.errors import (
    CollectionUnusable,
    DestinationError,
    FeedPaused,
    SourceUnavailable,
    SynapseSyncError,
    TokenRefused,
)
from synapse_sync.records import Look
from synapse_sync.steps import STEPS, Step, Work, keep_learned, learn, recover, scan, settle
from synapse_sync.steps.specs import refresh_collection
from synapse_sync.steps.tables import table_settles_at
from synapse_sync.steps.upload import await_upload, begin_uploads, end_uploads
from synapse_sync.steps.work import Ended

TRIES = 4  # of a request that fails for the whole server, before the network is left alone for this run
TURN = 0.5  # seconds of waiting for other feeds, after which it is heard whether the run is to end
ROW_TRIES = 4  # of one file, content or unit, before it is left for a later run


@dataclass(frozen=True)
class Patience:
    """What a run waits for. settling: whether files get the time to settle. retrying: seconds until a failed attempt is
    due that are waited out; later ones are left for a later run.
    """

    settling: bool = False
    retrying: float = 0.0


@dataclass
class Pass:
    """One feed's run: what ended it early (stopped) or kept it from the network (offline)."""

    work: Work
    offline: DestinationError | None = None
    stopped: SynapseSyncError | None = None

    @property
    def hampered(self) -> SynapseSyncError | None:
        """The error that concerns the feed as a whole, if there is one."""
        return self.stopped or self.offline


def sync(works: Sequence[Work], patience: Patience) -> list[Pass]:
    """Run the feeds: list all, wait until what was seen has settled, list again, then drain each.

    A feed that can't go on is paused with the reason, the others go on; the pause ends with a run that can. Where the
    works' `stop` is set meanwhile, what is under way is finished and recorded, and no more is begun.
    """
    passes = [Pass(work) for work in works]
    with suppress(Ended):
        for one in passes:
            with _stopping(one):
                _begin(one)
        if patience.settling:
            _wait_until_settled([one for one in passes if one.stopped is None])
    for one in passes:
        one.offline = None  # a server that failed at the beginning may be back after the listing
        one.work.run.measure("to_do", one.work.ledger.query("count_unplaced", feed=one.work.id)[0]["files"])
        _go_on(one, patience)
    return passes


def tend(work: Work, looks: Mapping[str, Look], *, offline: DestinationError | None, known: Collection[str]) -> Pass:
    """One run of a feed that is watched: list what is to be looked at of each asset, then drain.

    offline: the network is left alone, for this reason; known: signs of problems that were told before.
    """
    one = Pass(work, offline)
    with suppress(Ended), _stopping(one):
        recover(work)
        if looks:
            work.doing = "list"
            scan(work, looks)
    _go_on(one, Patience(), known)
    work.doing = ""
    return one


def drain(work: Work, steps: Sequence[Step] = STEPS) -> None:
    """Take each step as often as it finds something ready, later steps first, until none does.

    Raises Ended between two steps.
    """
    while work.concluded() or any(_acted(step, work) for step in reversed(steps)) or await_upload(work):
        pass


def _acted(step: Step, work: Work) -> bool:
    work.going()
    if step.alone and work.registration.under_way:
        return False
    work.doing = step.name
    with _alone(work) if step.alone else nullcontext():
        return bool(step.act(work))


@contextmanager
def _alone(work: Work) -> Iterator[None]:
    """While no other feed with the same collection is at such a step, for hours maybe; so the wait can be ended."""
    registering = work.together.registering(work.feed.data_collection)
    while not registering.acquire(timeout=TURN):
        work.going()
    try:
        yield
    finally:
        registering.release()


def _sleep(work: Work, seconds: float) -> None:
    work.stop.wait(seconds)
    work.going()


@contextmanager
def _stopping(one: Pass) -> Iterator[None]:
    """Do nothing for a feed that was stopped; stop it at an error that concerns it as a whole."""
    try:
        yield
    except (FeedPaused, SourceUnavailable, CollectionUnusable) as error:
        one.stopped = error


def _begin(one: Pass) -> None:
    """Settle what the last process left open, fetch the specs, list."""
    recover(one.work)
    try:
        learn(one.work)
        refresh_collection(one.work)
    except CollectionUnusable:
        raise
    except DestinationError as error:
        one.offline = error  # watching goes on; what is known of the collection serves until it is asked again
    scan(one.work)


def _wait_until_settled(passes: Sequence[Pass]) -> None:
    """List again when what was seen has had its time: at most twice the longest settle, then the rest is left."""
    if not passes:
        return
    clock = passes[0].work.clock
    deadline = clock() + 2 * max(one.work.longest_settle for one in passes)
    for one in passes:
        with _stopping(one):
            settle(one.work)
    while True:
        waiting = {id(one): due for one in passes if one.stopped is None and (due := _settles_at(one.work)) is not None}
        if not waiting:
            return
        _sleep(passes[0].work, max(min(max(waiting.values()), deadline) - clock(), 0))
        for one in passes:
            if id(one) in waiting:
                with _stopping(one):
                    scan(one.work)
                    settle(one.work)
        if clock() >= deadline:
            return


def _settles_at(work: Work) -> float | None:
    """When the file that was observed last can have settled; None where none is waited for."""
    row = work.ledger.query("unsettled", feed=work.id)[0]
    table = table_settles_at(work)
    if not row["files"]:
        return table
    work.run.count("settling", row["files"])
    due = float(row["latest"]) + work.longest_settle
    if work.left_open and due <= work.clock():
        due = work.clock() + work.longest_settle  # a program has them open: they are given the same time once more
    return max(due, table or 0.0)


def _go_on(one: Pass, patience: Patience, known: Collection[str] = ()) -> None:
    """Drain, and end the run in order."""
    try:
        with _stopping(one), suppress(Ended):
            _drain_with_retries(one, patience)
    except KeyboardInterrupt:
        one.work.registration.abandon()
        raise
    finally:
        try:
            with _stopping(one):
                _end_registration(one.work)
        finally:
            one.work.readers.stop()
            end_uploads(one.work)
    _finish(one, known)


def _end_registration(work: Work) -> None:
    """Record what became of the units that are on their way."""
    try:
        work.registration.conclude(wait=True)
    except DestinationError as error:
        work.run.problem(error)


def _drain_with_retries(one: Pass, patience: Patience) -> None:
    """Drain; wait out failed attempts that are due soon, and a server that fails for a moment."""
    if one.stopped is not None:
        return
    work = one.work
    failures = 0
    renewed = False
    while True:
        began = work.clock()
        try:
            if one.offline is None:
                learn(work)
                refresh_collection(work)
                begin_uploads(work)
            drain(work, [step for step in STEPS if not (one.offline and step.network)])
            if work.collection_stale and one.offline is None:
                continue  # a refusal made us doubt the specs: fetch them, and decide anew if they differ
        except CollectionUnusable:
            raise
        except DestinationError as error:
            if isinstance(error, TokenRefused):
                before, renewed = renewed, work.destination.renew()
                if before or renewed:  # just before: then an upload that was under way still had the old one
                    continue
            failures += 1
            pause = max(error.retry_after, random.uniform(0, 2.0**failures))  # noqa: S311 - jitter
            if failures >= TRIES or isinstance(error, TokenRefused) or pause > patience.retrying:
                one.offline = error
            else:
                _sleep(work, pause)
            continue
        due = work.ledger.query("next_attempt", feed=work.id, now=began, limit=ROW_TRIES)[0]["due"]
        wait = max(due - work.clock(), 0.05) if due is not None else None
        if one.offline or wait is None or wait > patience.retrying:
            return
        _sleep(work, wait)


def _finish(one: Pass, known: Collection[str]) -> None:
    work = one.work
    if work.table.in_use is not None:
        work.run.measure("rows_without_unit", work.ledger.query("count_rows", feed=work.id)[0]["unused"])
    keep_learned(work)
    if one.hampered:
        work.run.problem(one.hampered)
    reason = str(one.stopped) if one.stopped else ""
    paused = work.ledger.query("feed_by_id", id=work.id)[0]["paused"]
    if paused != reason:
        with work.ledger.write() as transaction:
            transaction.run("pause_feed", feed=work.id, reason=reason)
    work.run.finish(work.ledger, {paused, *known})
