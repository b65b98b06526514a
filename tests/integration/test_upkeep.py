"""What the daemon does beside its feeds: it pings, copies its ledger, and keeps that small."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synapse_sync.assembly import open_destination
from synapse_sync.config import load, resolve
from synapse_sync.ledger import open_for_writing
from synapse_sync.ledger.backups import back_up, backups_of
from synapse_sync.upkeep import Upkeep

from .account import problems_of
from .conftest import DIRECTORY, PAIR, Installation, until
from .listener import Listener
from .test_daemon import configure, ended, registered, running, status

YEAR = 365 * 86400


@contextmanager
def upkeep(site: Installation) -> Iterator[Upkeep]:
    """The chores of an installation at which nothing else is at work."""
    config = load(Path(site.config))
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_writing(site.ledger, create=False) as ledger,
    ):
        yield Upkeep(lambda: config, ledger, destination)


def a_year_passes(site: Installation) -> None:
    """Whatever is in the history is a year older."""
    connection = sqlite3.connect(site.ledger)
    with connection:
        connection.execute("UPDATE history SET at = at - ?", (YEAR,))
        connection.execute("UPDATE runs SET started_at = started_at - ?, finished_at = finished_at - ?", (YEAR, YEAR))
    connection.close()


def test_the_daemon_pings_while_all_is_well_and_tells_when_somebody_must_look(
    site: Installation, listener: Listener
) -> None:
    configure(site, head=f'[schedule]\nrun_every = "1s"\nrescan_every = "2s"\nping_url = "{listener.url}"\n')
    site.write(PAIR)
    with running(site) as daemon:
        assert listener.heard(1) == ["GET /ping/secret-id"]
        site.write({"p2/a.png": "one of two", "p2/b.png": "images", "p2/label.json": "for one place"})
        assert listener.heard(2)[1] == "POST /ping/secret-id/fail scans: 1 held"
        assert "secret-id" not in ended(daemon)


def test_the_daemon_does_not_ping_while_its_server_is_away(lonely_site: Installation, listener: Listener) -> None:
    site = lonely_site
    site.configure(extra=DIRECTORY, head=f'[schedule]\nrun_every = "1s"\nping_url = "{listener.url}"\n')
    site.server.stop()
    with running(site):
        until(lambda: status(site)["daemon"]["feeds"][0]["trouble"], "the server is missed")
        assert listener.requests == []


def test_the_daemon_copies_its_ledger_when_it_has_changed(site: Installation) -> None:
    configure(site, head='[schedule]\nrun_every = "1s"\nrescan_every = "2s"\nbackup_every = "1s"\n')
    site.write(PAIR)
    with running(site) as daemon:
        until(lambda: registered(site) == {"p1"} and backups_of(site.ledger), "there is a copy")
        log = ended(daemon)

    assert "the ledger was copied to" in log
    for copy in backups_of(site.ledger):
        assert problems_of(copy.path) == []


def test_a_ledger_that_has_not_changed_is_not_copied_again(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    with upkeep(site) as chores:
        time.sleep(0.01)
        chores.back_up()
        [first] = backups_of(site.ledger)
        chores.back_up()
        assert backups_of(site.ledger) == [first]


def test_copies_of_a_clock_that_was_ahead_keep_none_from_being_made(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    ahead = [back_up(site.ledger, time.time() + YEAR + hour * 3600) for hour in range(3)]
    with upkeep(site) as chores:
        chores.back_up()
    assert len(backups_of(site.ledger, until=time.time())) == 1
    assert [copy.path for copy in backups_of(site.ledger)][1:] == ahead[-1:]  # they are thinned out among themselves


def test_a_ledger_from_which_a_backup_takes_over_makes_nothing_twice(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head='api = "v1"')
    site.write(PAIR)
    site.sync()
    copy = back_up(site.ledger, time.time())
    site.write({"p2/image.png": "another image", "p2/label.json": "another label"})
    site.sync()
    assert copy is not None
    copy.replace(site.ledger)

    site.server.reset_stats()
    site.sync()

    assert len(site.registered()) == 2
    assert site.received() == 0
    assert site.states() == {"p1": "registered", "p2": "registered"}


def test_history_of_a_year_ago_is_told_in_one_row_and_the_unit_stays(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.write({"p2/image.png": "another image", "p2/label.json": "another label"})
    site.sync()
    a_year_passes(site)
    site.write({"p3/image.png": "a third image", "p3/label.json": "a third label"})
    site.sync()
    before = site.run("units", "show", "p1", "--json").json[0]

    with upkeep(site) as chores:
        chores.tidy()

    [unit] = site.run("units", "show", "p1", "--json").json
    [row] = unit.pop("history")
    assert unit == {name: value for name, value in before.items() if name != "history"}
    assert (row["was"], row["became"], row["code"]) == ("forming", "registered", "created")
    assert row["times"] == len(before["history"]) > 3
    assert row["since"] == before["history"][0]["at"]
    assert "the last of 5 changes since" in site.type("why", "p1/image.png").stdout
    assert [(run["id"], run["times"]) for run in site.run("runs", "--json").json] == [(3, 1), (2, 2)]
    assert "2 runs of that day: 4 new" in site.type("runs").stdout
    assert "old ones are summed up by day" in site.type("runs", "show", "1").stderr

    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert site.received() == 0
    assert len(site.registered()) == 3


def test_history_is_kept_for_ever_with_0(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    config = Path(site.config)
    config.write_text(config.read_text().replace('path = "ledger.db"', 'path = "ledger.db"\nkeep_history = 0'))
    site.write(PAIR)
    site.sync()
    a_year_passes(site)
    before = site.ledger_text()

    with upkeep(site) as chores:
        chores.tidy()

    assert site.ledger_text() == before


def test_the_wal_of_a_ledger_at_work_is_brought_to_no_length(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.sync()
    with upkeep(site) as chores, site_ledger(chores) as wal:
        assert wal.stat().st_size > 0
        chores.tidy()
        assert wal.stat().st_size == 0


@contextmanager
def site_ledger(chores: Upkeep) -> Iterator[Path]:
    """The WAL of a ledger that was just written to."""
    ledger = chores._ledger
    with ledger.write() as transaction:
        transaction.run("add_feed", name=json.dumps("another"), now=0.0)
    yield ledger.path.with_name(ledger.path.name + "-wal")
