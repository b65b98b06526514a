"""The ledger's one door: opening it, reading by named query, writing in one transaction at a time.

One write connection behind one lock; readers see the last commit through read-only connections, one per thread. WAL:
NORMAL synchronous for facts that a rescan would find again, FULL (`durable`) for intents and outcomes.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from weakref import WeakSet

from synapse_sync.errors import LedgerCorrupt, LedgerCrowded, LedgerError, LedgerFull, LedgerLocked, LedgerMissing
from synapse_sync.ledger.owner import sudo_hint
from synapse_sync.ledger.queries import statement

Row = sqlite3.Row
BUSY_SECONDS = 10.0
ANEW = (
    "put a copy that `ledger backup` made in its place, or have `ledger rebuild` make it anew from what the server has"
)
"""What to do about a ledger that is no good."""

_ROOM = 64 << 10  # bytes: what the shared memory grows by, and then some
AT_ONCE = 2000  # rows fetched at once where they are streamed

# Lists and dicts among the parameters of a statement are passed as JSON; every other value costs nothing by it.
sqlite3.register_adapter(list, lambda values: json.dumps(values) if values else "[]")
sqlite3.register_adapter(dict, lambda values: json.dumps(values) if values else "{}")


class Transaction:
    """An open write transaction; statements run by name, and all of them commit together or not at all."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, name: str, /, **parameters: Any) -> int:
        """Run one statement; returns how many rows it changed."""
        return self._connection.execute(statement(name), parameters).rowcount

    def run_many(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run one statement once per row."""
        self._connection.executemany(statement(name), rows)

    def query(self, name: str, /, **parameters: Any) -> list[Row]:
        """All rows of a query (or of a statement with RETURNING), seen from inside this transaction."""
        return self._connection.execute(statement(name), parameters).fetchall()

    def one(self, name: str, /, **parameters: Any) -> Row:
        """The only row; LedgerError if there is none."""
        rows = self.query(name, **parameters)
        if not rows:
            raise LedgerError(f"the ledger has no row where {name} expects one", hint="run `ledger check`")
        return rows[0]


class Ledger:
    """An open ledger; see opening.py for how one comes to be. Use as a context manager.

    Durable commits are numbered, in the file itself; `committed` is told each number once it is there.
    """

    def __init__(self, path: Path, *, writable: bool, committed: Callable[[int], None] | None = None) -> None:
        self.path = path
        self._committed = committed
        self._write_lock = threading.Lock()
        self._local = threading.local()
        self._readers: WeakSet[_Reader] = WeakSet()
        self._readers_lock = threading.Lock()
        with translated(path):
            self._writer = connect(path, writable=True) if writable else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def query(self, name: str, /, **parameters: Any) -> list[Row]:
        """All rows of a named query as of the last commit; lists and dicts among the parameters are passed as JSON."""
        with translated(self.path):
            return self._reader().execute(statement(name), parameters).fetchall()

    def tuples(self, name: str, /, **parameters: Any) -> Iterator[tuple[Any, ...]]:
        """The rows as plain tuples, fetched in blocks: for the paths on which a million rows pass."""
        with translated(self.path):
            cursor = self._reader().cursor()
            cursor.row_factory = None
            cursor.execute(statement(name), parameters)
            while rows := cursor.fetchmany(AT_ONCE):
                yield from rows

    @property
    def number(self) -> int:
        """Of the last durable commit."""
        with translated(self.path):
            return _number(self._reader())

    @contextmanager
    def write(self, *, durable: bool = False, above: int = 0) -> Iterator[Transaction]:
        """One write transaction. durable: its commit has reached the disk when this returns; its number is the next
        one, and higher than `above`.
        """
        if self._writer is None:
            raise LedgerError(f"{self.path} is open for reading only")
        with self._write_lock, translated(self.path):
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                number = max(_number(self._writer), above) + durable
                if durable:
                    self._writer.execute(f"PRAGMA user_version = {number}")
                yield Transaction(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # else SQLite has rolled back by itself: the disk is full
                    self._writer.execute("ROLLBACK")
                raise
            if durable and self._committed:
                self._committed(number)

    def copy_to(self, path: Path) -> None:
        """A consistent copy at another path, taken while others read and write."""
        with translated(path):
            target = sqlite3.connect(path)
            try:
                self._reader().backup(target)
            finally:
                target.close()

    def rest(self) -> None:
        """Give up the pages that are kept in memory for this thread and for writing."""
        with translated(self.path):
            self._reader().execute("PRAGMA shrink_memory")
            if self._writer is not None:
                with self._write_lock:
                    self._writer.execute("PRAGMA shrink_memory")

    def fold(self) -> None:
        """Bring what the WAL holds into the file, and the WAL to no length, unless somebody is reading just now."""
        wal = self.path.with_name(self.path.name + "-wal")
        if self._writer is None or not wal.exists() or not wal.stat().st_size:
            return
        with self._write_lock, translated(self.path):
            self._writer.execute("PRAGMA busy_timeout = 0")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._writer.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def close(self) -> None:
        """Close all connections; the WAL is folded into the main file by the last of them."""
        with self._readers_lock:
            for reader in list(self._readers):
                reader.close()
        if self._writer is not None:
            self._writer.close()

    def _reader(self) -> sqlite3.Connection:
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = _Reader(self.path)
            with self._readers_lock:
                self._readers.add(reader)
            self._local.reader = reader
        return reader.connection


class _Reader:
    """A thread's connection for reading; it ends with the thread: a daemon has many threads in a year."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path, writable=False)

    def close(self) -> None:
        self.connection.close()

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.close()


def connect(path: Path, *, writable: bool, at_rest: bool = False) -> sqlite3.Connection:
    """A connection set up as every one of ours: named columns, foreign keys, own transactions, a bounded wait.

    at_rest: nobody works with the file, so that nothing need be made beside it for reading.
    """
    uri = f"file:{quote(str(path))}?mode={'rwc' if writable else 'ro'}{'&immutable=1' if at_rest else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -16000")
    if writable:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def _number(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about this file into ours, with what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_our_words(path, error) from error
    except UnicodeDecodeError as error:  # a name in the schema, or SQLite's words about it
        raise _damaged(path, "it holds text that is none") from error


def _in_our_words(path: Path, error: sqlite3.Error) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return LedgerFull(f"the disk that holds the ledger {path} is full", hint="free some space and run it again")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerLocked(f"the ledger {path} is busy: another process writes to it", hint="try again in a moment")
    if code == sqlite3.SQLITE_CANTOPEN and _no_more_files():
        words = f"the ledger {path} can't be opened now: this process has too many files open"
        return LedgerCrowded(words, hint="raise its limit (LimitNOFILE= in the service)")
    if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
        return LedgerMissing(f"there is no ledger at {path} yet", hint="run `synapse-sync once` first")
    if code == sqlite3.SQLITE_CANTOPEN:
        return LedgerError(f"the ledger {path} can't be opened by this user", hint=sudo_hint(path))
    if code == sqlite3.SQLITE_READONLY:
        return LedgerError(f"the ledger {path} can't be written: {error}", hint="check its owner and permissions")
    return LedgerError(f"the ledger {path} failed: {error}", hint="check its disk, its owner and permissions")


def _no_more_files() -> bool:
    """Whether no more can be opened; SQLite does not tell why it could not."""
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def _is_full(path: Path) -> bool:
    """Whether nothing more fits on its disk: SQLite calls it an I/O error where its shared memory can't grow."""
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _ROOM


def _damaged(path: Path, how: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        f"the ledger {path} is damaged: {how}",
        hint=ANEW,
    )
