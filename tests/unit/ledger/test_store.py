"""The ledger's door: transactions are whole or not at all, readers see commits, no move goes without its history."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.errors import LedgerCorrupt, LedgerError, LedgerFull, LedgerLocked, LedgerMissing
from synapse_sync.ledger import Ledger, Transaction, open_for_reading
from synapse_sync.ledger.store import translated

OBSERVED = {"size": 1, "mtime_ns": 1, "ctime_ns": 1, "token": 1, "device": 1}
FILE = {"feed": 1, "asset": "", "dir": b"p1", "at": 1.0, "first_seen": 1.0, "untyped": False, "sidecar": "", **OBSERVED}


def add(transaction: Transaction, name: bytes = b"image.png") -> None:
    """A feed with one file."""
    transaction.run("add_feed", name="scans", now=0.0)
    transaction.run_many("add_file", [{**FILE, "name": name}])


def settle(transaction: Transaction) -> None:
    """Move the file on."""
    which = {"feed": 1, "asset": "", "until": 2.0, "folders": None, "without": [], "limit": 10}
    transaction.run("settle_files", **which, now=2.0, run=None)


def states(ledger: Ledger) -> dict[str, int]:
    """Files by state, as a reader sees them."""
    return {row["state"]: row["files"] for row in ledger.query("file_states", feed=1)}


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def half() -> None:
        with ledger.write() as transaction:
            add(transaction)
            settle(transaction)
            raise KeyError

    with pytest.raises(KeyError):
        half()

    assert ledger.query("all_feeds") == []
    assert states(ledger) == {}
    assert ledger.query("history_of", kind="file", ref=1) == []
    with ledger.write() as transaction:
        add(transaction)
    assert states(ledger) == {"seen": 1}, "the ledger goes on"


def test_readers_see_the_last_commit_only(ledger: Ledger, path: Path) -> None:
    with open_for_reading(path) as reader:
        with ledger.write() as transaction:
            add(transaction)
            assert transaction.query("feed_by_name", name="scans")
            for one in (ledger, reader):
                assert one.query("feed_by_name", name="scans") == []
        for one in (ledger, reader):
            assert len(one.query("feed_by_name", name="scans")) == 1


def test_every_move_writes_its_row_of_history_in_the_same_commit(ledger: Ledger) -> None:
    with ledger.write() as transaction:
        add(transaction)
    with ledger.write() as transaction:
        settle(transaction)
        assert ledger.query("history_of", kind="file", ref=1) == []

    rows = ledger.query("history_of", kind="file", ref=1)

    assert [(row["was"], row["became"], row["code"], row["at"]) for row in rows] == [
        ("seen", "settled", "settled", 2.0)
    ]


def test_a_statement_that_moves_nothing_writes_no_history(ledger: Ledger) -> None:
    with ledger.write() as transaction:
        add(transaction)
        transaction.run("retry_held_files", now=2.0)

    assert ledger.query("history_of", kind="file", ref=1) == []


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
def test_intents_and_outcomes_reach_the_disk_with_their_commit(ledger: Ledger, durable: bool, synchronous: int) -> None:
    """PRAGMA synchronous: 2 is FULL, 1 is NORMAL (sqlite.org/pragma.html)."""
    with ledger.write(durable=not durable):
        pass
    with ledger.write(durable=durable) as transaction:
        assert transaction._connection.execute("PRAGMA synchronous").fetchone()[0] == synchronous


def test_one_transaction_at_a_time_whatever_thread_it_comes_from(ledger: Ledger) -> None:
    inside, most = 0, 0
    counting = threading.Lock()

    def write(number: int) -> None:
        nonlocal inside, most
        for _ in range(10):
            with ledger.write() as transaction:
                with counting:
                    inside += 1
                    most = max(most, inside)
                transaction.run("add_feed", name=f"feed {number}", now=0.0)
                with counting:
                    inside -= 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1
    assert len(ledger.query("all_feeds")) == 8


def test_what_is_no_plain_value_is_kept_as_json(ledger: Ledger) -> None:
    with ledger.write() as transaction:
        add(transaction)
        transaction.run("remember_roots", feed=1, roots={"": [1, 2]})

    assert ledger.query("feed_by_id", id=1)[0]["roots"] == '{"": [1, 2]}'


@pytest.mark.parametrize("name", [b"caf\xe9", b"two\nlines", "스캔".encode(), b"%"])
def test_names_come_back_byte_by_byte(ledger: Ledger, name: bytes) -> None:
    with ledger.write() as transaction:
        add(transaction, name)

    [row] = list(ledger.tuples("known_in_directory", feed=1, asset="", dir=b"p1"))

    assert row == (name, 1, 1, 1, 1, 1, 0)


def test_a_reader_can_not_write(path: Path, ledger: Ledger) -> None:
    with open_for_reading(path) as reader, pytest.raises(LedgerError, match="open for reading only"):
        reader.write().__enter__()


def test_one_row_is_one_row(ledger: Ledger) -> None:
    with ledger.write() as transaction, pytest.raises(LedgerError, match="no row where feed_by_name expects one"):
        transaction.one("feed_by_name", name="scans")


def test_a_copy_taken_while_somebody_writes_is_the_last_commit(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.write() as transaction:
        add(transaction)
    with ledger.write() as transaction:
        settle(transaction)
        ledger.copy_to(tmp_path / "copy.db")

    with open_for_reading(tmp_path / "copy.db") as copy:
        assert states(copy) == {"seen": 1}
    assert states(ledger) == {"settled": 1}


ERRORS: list[tuple[Any, type[LedgerError], str]] = [
    (sqlite3.SQLITE_FULL, LedgerFull, "is full"),
    (sqlite3.SQLITE_IOERR, LedgerError, "check its disk"),
    (sqlite3.SQLITE_CORRUPT, LedgerCorrupt, "is damaged"),
    (sqlite3.SQLITE_NOTADB, LedgerCorrupt, "is damaged"),
    (sqlite3.SQLITE_BUSY, LedgerLocked, "is busy"),
    (sqlite3.SQLITE_CANTOPEN, LedgerMissing, "there is no ledger"),
    (sqlite3.SQLITE_READONLY, LedgerError, "can't be written"),
]


@pytest.mark.parametrize(("code", "kind", "words"), ERRORS, ids=[str(error[0]) for error in ERRORS])
def test_an_error_of_sqlite_is_told_in_our_words(
    tmp_path: Path, code: int, kind: type[LedgerError], words: str
) -> None:
    error = sqlite3.OperationalError("words of SQLite")
    error.sqlite_errorcode = code

    with pytest.raises(kind, match=words) as raised, translated(tmp_path / "ledger.db"):
        raise error
    assert raised.type is kind
    assert raised.value.hint
    assert raised.value.exit_code == 4


def test_a_schema_that_is_no_text_is_damage(ledger: Ledger, path: Path) -> None:
    with ledger.write() as transaction:
        add(transaction)
    ledger.close()
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE feeds", b"CREATE TABL\xee feeds"))

    with pytest.raises(LedgerCorrupt, match="is damaged"), open_for_reading(path):
        pass
