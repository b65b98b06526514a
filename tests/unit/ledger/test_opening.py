"""Who may open a ledger, how, and what is said to the others."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from synapse_sync.errors import LedgerCorrupt, LedgerError, LedgerLocked, LedgerMissing
from synapse_sync.ledger import inspected, integrity_problems, open_for_reading, open_for_writing, opening
from synapse_sync.ledger.lock import holder


def opened(path: Path, *, create: bool = True) -> None:
    """Open for writing and close."""
    with open_for_writing(path, create=create):
        pass


def test_a_new_ledger_is_its_owners_alone_with_all_that_sqlite_puts_beside_it(path: Path) -> None:
    with open_for_writing(path, create=True) as ledger, ledger.write() as transaction:
        transaction.run("add_feed", name="scans", now=0.0)
        beside = {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()}

    assert {"ledger.db", "ledger.db-wal", "ledger.db.lock"} <= beside.keys()
    assert set(beside.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_none_is_made_where_none_may_be(path: Path) -> None:
    with pytest.raises(LedgerMissing, match="there is no ledger at"):
        opened(path, create=False)
    with pytest.raises(LedgerMissing, match="there is no ledger at"):
        open_for_reading(path).__enter__()
    assert not path.parent.exists()


def test_one_writer_at_a_time_and_any_number_of_readers(path: Path) -> None:
    with open_for_writing(path, create=True):
        with pytest.raises(LedgerLocked, match=rf"process {os.getpid()}\)"):
            opened(path)
        with open_for_reading(path) as one, open_for_reading(path) as other:
            assert one.query("all_feeds") == other.query("all_feeds") == []
    opened(path)


def test_the_lock_ends_with_an_error(path: Path) -> None:
    with pytest.raises(KeyError), open_for_writing(path, create=True):
        raise KeyError

    opened(path)


def test_another_database_is_no_ledger(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE somebody_elses (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()

    with pytest.raises(LedgerCorrupt, match="is an SQLite file, but not a ledger"):
        opened(path)

    assert path.read_bytes() == before


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="is a folder"):
        opened(tmp_path)


def test_an_empty_file_is_a_lost_ledger_not_a_new_one(path: Path) -> None:
    """Taken for a new one, everything that it knew of would be registered again."""
    path.parent.mkdir()
    path.touch(mode=0o600)

    with pytest.raises(LedgerCorrupt, match="is empty"):
        opened(path)

    assert path.stat().st_size == 0


def test_what_a_crash_in_the_middle_of_creation_leaves_is_begun_anew(path: Path) -> None:
    path.parent.mkdir()
    path.with_name(path.name + ".new").write_text("half a ledger")

    opened(path)

    assert sorted(found.name for found in path.parent.iterdir()) == ["ledger.db", "ledger.db.lock"]
    assert integrity_problems(path) == []


def test_a_row_that_refers_to_nothing_is_a_problem(path: Path) -> None:
    opened(path)
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO runs (feed, started_at) VALUES (99, 0)")
    connection.commit()
    connection.close()

    assert integrity_problems(path) == ["row 1 of runs refers to nothing"]


def test_readers_in_several_threads_are_closed_with_the_ledger(path: Path) -> None:
    def handles() -> int:
        """How often this process has the ledger open; other tests' connections come and go."""
        links = [os.path.realpath(handle) for handle in Path("/proc/self/fd").iterdir()]
        return sum(link.startswith(os.path.realpath(path.parent)) for link in links)

    with open_for_writing(path, create=True) as ledger, ThreadPoolExecutor(5) as others:
        barrier = threading.Barrier(5, timeout=30)

        def read() -> None:
            ledger.query("all_feeds")
            barrier.wait()

        for future in [others.submit(read) for _ in range(5)]:
            future.result()
        assert handles() > 5

    assert handles() == 0


def test_a_reader_is_closed_with_its_thread(path: Path) -> None:
    with open_for_writing(path, create=True) as ledger:
        before = len(ledger._readers)
        for _ in range(5):
            thread = threading.Thread(target=ledger.query, args=("all_feeds",))
            thread.start()
            thread.join()
        assert len(ledger._readers) == before


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The ledgers that were checked in full."""
    done: list[Path] = []
    monkeypatch.setattr(opening, "integrity_problems", lambda path: done.append(path) or [])
    return done


def test_a_ledger_that_was_left_in_order_is_not_checked_again(path: Path, checks: list[Path]) -> None:
    opened(path)
    for _ in range(3):
        opened(path)
    assert checks == []


def test_it_is_checked_after_a_process_that_did_not_end_in_order(path: Path, checks: list[Path]) -> None:
    opened(path)
    with pytest.raises(KeyboardInterrupt), open_for_writing(path, create=False):
        raise KeyboardInterrupt
    opened(path)
    assert checks == [path]
    opened(path)
    assert checks == [path]


def test_it_is_checked_when_somebody_else_wrote_to_it(path: Path, checks: list[Path]) -> None:
    opened(path)
    os.utime(path, (1, 1))
    opened(path)
    assert checks == [path]


def test_it_is_checked_once_a_day(path: Path, checks: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path)
    monkeypatch.setattr(opening, "CHECK_EVERY", 0.0)
    opened(path)
    assert checks == [path]


def test_who_holds_the_lock_is_seen_without_trying_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert holder(path) is None
    with open_for_writing(path, create=True):
        assert holder(path) == os.getpid()
    assert holder(path) is None


def test_a_look_at_a_ledger_at_rest_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with open_for_writing(path, create=True):
        pass
    before = sorted((entry.name, entry.stat().st_mtime_ns) for entry in tmp_path.iterdir())

    assert inspected(path, most=1 << 30) == (0, True, [])
    assert inspected(path, most=0).checked is False

    assert sorted((entry.name, entry.stat().st_mtime_ns) for entry in tmp_path.iterdir()) == before


def test_a_look_at_a_ledger_at_work_sees_the_last_commit(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with open_for_writing(path, create=True) as ledger:
        with ledger.write() as transaction:
            transaction.run("add_feed", name="scans", now=0.0)
        assert inspected(path, most=1 << 30).feeds == 1
