"""What happens between a look at the ledger and the deed: another feed, a person or the clock was faster."""

from __future__ import annotations

import os
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from synapse_sync.assembly import open_destination, put_to_work
from synapse_sync.commands import Commands
from synapse_sync.config import load, resolve
from synapse_sync.errors import ControlRefused, LedgerCrowded, TokenRefused, Unreachable, UsageError
from synapse_sync.ledger import Ledger, Row, open_for_writing
from synapse_sync.records import OutgoingUnit
from synapse_sync.runner import Patience, drain, sync, tend
from synapse_sync.steps import Step, Work, wait_anew
from synapse_sync.steps.specs import refresh_collection
from synapse_sync.steps.together import Together
from synapse_sync.steps.work import Ended

from .conftest import DIRECTORY, PAIR, Installation

V1 = 'api = "v1"\n'


@contextmanager
def at_work(site: Installation) -> Iterator[Work]:
    """The only feed, as the daemon has it."""
    config = load(Path(site.config))
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_writing(site.ledger, create=True) as ledger,
    ):
        yield put_to_work(config, config.feeds[0], ledger, destination, patient=True, clock=time.time)


def change(site: Installation, statement: str) -> None:
    """What another thread writes."""
    connection = sqlite3.connect(site.ledger, timeout=10)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_a_unit_that_gave_way_to_one_of_another_feed_is_not_sent(
    site: Installation, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    site.configure(extra=DIRECTORY, head=f'api = "{api}"\n')
    site.write(PAIR)
    register = import_module("synapse_sync.steps.register")
    outgoing = register.outgoing
    given: list[int] = []

    def read(work: Work, rows: Sequence[Row]) -> list[OutgoingUnit]:
        units: list[OutgoingUnit] = outgoing(work, rows)
        if not given:
            with work.ledger.write() as transaction:
                stamp = work.stamp(transaction)
                given.extend(row["id"] for row in rows)
                transaction.run("give_way", id=given[0], reason="another feed has it", **stamp)
        return units

    monkeypatch.setattr(register, "outgoing", read)
    site.sync()

    assert given == [1]
    assert len(site.registered()) == 1, "as there is no other in truth"
    assert site.rows("SELECT count(*) FROM intents") == [(1,)]


def test_a_unit_that_was_registered_meanwhile_is_not_forgotten(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault("POST v2/data-units/bulk-create/", "status", times=None)
    site.sync()
    site.server.clear_faults()
    assert site.states() == {"p1": "ready"}
    change(site, "UPDATE units SET not_before = 0")
    with at_work(site) as work:

        def call(act: Callable[[], Any], _timeout: float) -> Any:
            sync([work], Patience())
            return act()

        assert forget(work.ledger, call) == "unit p1 was registered as 1"


def forget(ledger: Ledger, call: Callable[[Callable[[], Any], float], Any]) -> str:
    """What the daemon says when it is asked to forget p1; its feed's thread does what `call` does."""
    loop = SimpleNamespace(name="scans", call=call, trigger=lambda: None)
    daemon = SimpleNamespace(ledger=ledger, loops={"scans": loop}, ending=set, reload=dict, changing=nullcontext)
    with pytest.raises(UsageError) as refused:
        Commands(cast("Any", daemon)).forget(["p1"], registered=False)
    return refused.value.message


def test_a_feed_that_was_taken_away_and_is_still_at_work_is_left_alone(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    with at_work(site) as work:
        daemon = SimpleNamespace(
            ledger=work.ledger, loops={}, ending=lambda: {"scans"}, reload=dict, changing=nullcontext
        )
        with pytest.raises(ControlRefused, match="feed scans is ending"):
            Commands(cast("Any", daemon)).forget(["p1"], registered=True)


def test_who_waits_for_another_feed_can_be_ended(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    together = Together()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with together.registering(site.collection):
            held.set()
            over.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(30)
    progress: list[int] = []
    with at_work(site) as work:
        work.together = together
        work.progressed = lambda: progress.append(1)
        threading.Timer(1.5, work.stop.set).start()
        with pytest.raises(Ended):
            drain(work, [Step("register", lambda _work: 0, alone=True)])
    over.set()
    other.join()
    assert len(progress) > 2, "it is not believed to be stuck"


def test_a_feed_with_another_collection_waits_for_nobody(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    together = Together()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with together.registering(site.collection + 1):
            held.set()
            over.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(30)
    done = threading.Event()

    def act(_work: Work) -> int:
        done.set()
        return 0

    with at_work(site) as work:
        work.together = together
        drain(work, [Step("register", act, alone=True)])
    over.set()
    other.join()
    assert done.is_set()


@pytest.mark.parametrize("jump", [-3650 * 86400.0, 3600.0])
def test_what_waits_waits_anew_after_a_jump_of_the_clock_and_no_longer(site: Installation, jump: float) -> None:
    site.configure(extra=DIRECTORY, feed='wait_optional = "5m"\n')
    site.write(PAIR)
    with at_work(site) as work:
        sync([work], Patience())
        change(site, f"UPDATE units SET decide_at = decide_at - {jump}, changed_at = changed_at - {jump}")
        change(site, f"UPDATE files SET state = 'seen', observed_at = observed_at - {jump}")
        now = time.time()
        wait_anew(work)

        assert [now <= at <= time.time() for (at,) in site.rows("SELECT observed_at FROM files")] == [True, True]
        assert all(at <= time.time() + 86400 for (at,) in site.rows("SELECT decide_at FROM units"))


@pytest.mark.parametrize("away", ["the server", "the token"])
def test_who_pings_asks_an_idle_server_before_it_is_called_well(lonely_site: Installation, away: str) -> None:
    site = lonely_site
    site.configure(extra=DIRECTORY, head='[schedule]\nrun_every = "1m"\nping_url = "http://127.0.0.1:9/"\n')
    with at_work(site) as work:
        assert tend(work, {}, offline=None, known=()).offline is None
        if away == "the server":
            site.server.stop()
        else:
            site.server.rotate_token("another")
        assert tend(work, {}, offline=None, known=()).offline is None, "it was asked just now"
        work.clock = lambda: time.time() + 5 * 60
        assert isinstance(tend(work, {}, offline=None, known=()).offline, Unreachable | TokenRefused)


def test_the_collection_is_fetched_again_after_the_clock_was_set_back(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    with at_work(site) as work:
        work.clock = lambda: time.time() + 3650 * 86400
        refresh_collection(work)
        work.clock = time.time
        wait_anew(work)
        refresh_collection(work)
        assert abs(work.collection_fetched_at - time.time()) < 3600
        assert not work.collection_stale


def test_a_lost_request_is_not_believed_to_be_over_because_the_clock_was_set(
    site: Installation, impatient: None
) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault("POST data_units/", "drop_after")
    site.server.fault("GET data_units/", "status", times=None, after=1)
    site.sync()
    site.server.clear_faults()
    assert site.states() == {"p1": "registering"}
    change(site, "UPDATE units SET not_before = 0")
    change(site, "UPDATE intents SET created_at = created_at + 86400")  # then the clock was set back by a day
    with at_work(site) as work:
        wait_anew(work)
        ((not_before,),) = site.rows("SELECT not_before FROM units")
        assert not_before > time.time() + 60, "the server may be at work on it"
    change(site, "UPDATE units SET not_before = 0")

    site.sync()

    assert site.states() == {"p1": "registered"}
    assert len(site.registered()) == 1


def test_a_thread_leaves_no_file_open(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    with at_work(site) as work:

        def open_files() -> int:
            return len(list(Path("/proc/self/fd").iterdir()))

        before = open_files()
        for _ in range(20):
            reader = threading.Thread(target=work.ledger.query, args=("all_feeds",))
            reader.start()
            reader.join()
        assert open_files() <= before + 2


def test_a_ledger_that_can_not_be_opened_for_want_of_files_is_tried_again(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    taken: list[int] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with at_work(site) as work, ThreadPoolExecutor(1) as other:
        other.submit(int).result()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[0], 512), limits[1]))
            with suppress(OSError):
                while True:
                    taken.append(os.open("/dev/null", os.O_RDONLY))
            error = other.submit(work.ledger.query, "all_feeds").exception()
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert isinstance(error, LedgerCrowded)
        assert error.retry == "later"
        assert len(other.submit(work.ledger.query, "all_feeds").result()) == 1
