"""The backend's own SQLite file: schema, one connection, one transaction at a time.

WAL with synchronous=OFF: a killed process loses nothing (the pages are with the kernel), only a power cut can, and an
embedded backend is not where anybody keeps data; in exchange a commit costs tens of microseconds.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, description TEXT NOT NULL, last_used TEXT);
CREATE TABLE IF NOT EXISTS collections (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, category TEXT NOT NULL,
    access_level TEXT NOT NULL, meta TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS specs (
    id INTEGER PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE, name TEXT NOT NULL,
    file_type TEXT NOT NULL, extensions TEXT NOT NULL, is_required INTEGER NOT NULL, is_primary INTEGER NOT NULL,
    is_sequential INTEGER NOT NULL, function_type TEXT NOT NULL, position INTEGER NOT NULL, configuration TEXT NOT NULL,
    UNIQUE (collection, name));
CREATE TABLE IF NOT EXISTS groups (
    id INTEGER PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE, name TEXT NOT NULL,
    parent INTEGER NOT NULL, UNIQUE (collection, parent, name));
CREATE TABLE IF NOT EXISTS data_files (
    id INTEGER PRIMARY KEY, checksum TEXT NOT NULL UNIQUE, content TEXT NOT NULL, size INTEGER NOT NULL,
    name TEXT NOT NULL, created TEXT NOT NULL, is_foreign INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS units (
    id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,
    checksum TEXT NOT NULL, meta TEXT NOT NULL, group_id INTEGER NOT NULL, created TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS units_by_composition ON units (collection, checksum);
CREATE TABLE IF NOT EXISTS unit_files (
    unit INTEGER NOT NULL REFERENCES units ON DELETE CASCADE, spec TEXT NOT NULL,
    data_file INTEGER NOT NULL REFERENCES data_files, path TEXT NOT NULL,
    PRIMARY KEY (unit, spec)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unit_files_by_data_file ON unit_files (data_file);
CREATE TABLE IF NOT EXISTS projects (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, description TEXT NOT NULL, category TEXT NOT NULL,
    collection INTEGER REFERENCES collections ON DELETE CASCADE, configuration TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS storages (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, provider TEXT NOT NULL, configuration TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, project INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
    unit INTEGER NOT NULL REFERENCES units ON DELETE CASCADE, meta TEXT NOT NULL, created TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_by_unit ON tasks (project, unit);
CREATE TABLE IF NOT EXISTS chunked_uploads (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, filename TEXT NOT NULL, offset INTEGER NOT NULL, created REAL NOT NULL,
    completed_at TEXT, md5 TEXT, sha1 TEXT, data_file INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    file_key TEXT PRIMARY KEY, filename TEXT NOT NULL, size INTEGER NOT NULL, content_type TEXT,
    upload_id TEXT NOT NULL, part_size INTEGER NOT NULL, md5 TEXT, sha1 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object_parts (
    file_key TEXT NOT NULL REFERENCES objects ON DELETE CASCADE, number INTEGER NOT NULL, etag TEXT NOT NULL,
    size INTEGER NOT NULL, PRIMARY KEY (file_key, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS events_are_final BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER IF NOT EXISTS unit_deleted AFTER DELETE ON units BEGIN
    INSERT INTO events (kind, detail) VALUES ('unit_deleted',
        json_object('unit', old.id, 'collection', old.collection, 'checksum', old.checksum)); END;
CREATE TRIGGER IF NOT EXISTS task_made AFTER INSERT ON tasks BEGIN
    INSERT INTO events (kind, detail) VALUES ('task',
        json_object('task', new.id, 'project', new.project, 'unit', new.unit)); END;
CREATE TRIGGER IF NOT EXISTS task_deleted AFTER DELETE ON tasks BEGIN
    INSERT INTO events (kind, detail) VALUES ('task_deleted',
        json_object('task', old.id, 'project', old.project, 'unit', old.unit)); END;
"""

_FOREIGN = "CREATE INDEX IF NOT EXISTS foreign_files ON data_files (content) WHERE is_foreign"
"""Every upload asks which data files of its bytes are foreign; usually none are."""

Row = sqlite3.Row
Database = sqlite3.Connection


def now() -> str:
    """The present time as the API writes it: ISO 8601 with microseconds and offset, UTC."""
    return datetime.now(UTC).isoformat()


class Store:
    """One SQLite file; every use of it happens inside `transaction()`, which one thread at a time can hold."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._db.row_factory = sqlite3.Row
        try:
            # A second server over the same folder is refused ("database is locked") instead of mixing its files in.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(_SCHEMA)
            self._upgrade()
            self.secret = self._secret()
            """Signs storage and media URLs; kept, so that URLs stay valid over a restart."""
        except sqlite3.Error:
            self._db.close()
            raise

    def _upgrade(self) -> None:
        """Bring a folder of an earlier version up to date."""
        if "is_foreign" not in [column["name"] for column in self._db.execute("PRAGMA table_info(data_files)")]:
            self._db.execute("ALTER TABLE data_files ADD COLUMN is_foreign INTEGER NOT NULL DEFAULT 0")
        self._db.execute(_FOREIGN)

    def _secret(self) -> bytes:
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO settings VALUES ('secret', ?)", (secrets.token_hex(32),))
            kept: str = db.execute("SELECT value FROM settings WHERE key = 'secret'").fetchone()[0]
        return kept.encode()

    @contextmanager
    def transaction(self, *, dry_run: bool = False) -> Iterator[Database]:
        """All of the block's changes or, if it raises or `dry_run` is asked for, none of them."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("ROLLBACK" if dry_run else "COMMIT")

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """The connection for queries only; cheaper than a transaction."""
        with self._lock:
            yield self._db

    def empty(self) -> None:
        """Begin anew with nothing but the tokens: events go too, which no endpoint can do, and ids count from 1."""
        with self.transaction() as db:
            db.execute("PRAGMA defer_foreign_keys = ON")
            triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for trigger in triggers:
                db.execute(f"DROP TRIGGER {trigger['name']}")
            for table in tables:
                if table["name"] not in ("settings", "tokens"):
                    db.execute(f"DELETE FROM {table['name']}")  # noqa: S608 - names out of the schema
            for trigger in triggers:
                db.execute(trigger["sql"])

    def close(self) -> None:
        """Close the file; the store is not used afterwards."""
        with self._lock:
            self._db.close()
