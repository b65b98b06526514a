"""Whether a ledger's file is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from synapse_sync.ledger.store import connect, translated

_STEPS = 200_000  # of SQLite's machine between two looks at whether to stop: some milliseconds


def integrity_problems(path: Path, stop: Callable[[], bool] = lambda: False) -> list[str]:
    """What SQLite's full check finds wrong with the file; empty if all is well.

    Raises LedgerCorrupt if it is unreadable, LedgerError once stop() is true.
    """
    with translated(path), stoppable(connect(path, writable=False), stop) as connection:
        return problems_in(connection)


def problems_in(connection: sqlite3.Connection) -> list[str]:
    """What the full check finds wrong with an open ledger. Raises sqlite3.Error."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    found += [f"row {row[1]} of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")]
    return [problem for problem in found if problem != "ok"]


@contextmanager
def stoppable(connection: sqlite3.Connection, stop: Callable[[], bool]) -> Iterator[sqlite3.Connection]:
    """A connection whose statements fail once stop() is true; closed on leaving."""
    connection.set_progress_handler(stop, _STEPS)
    with closing(connection):
        yield connection
