"""A ledger of any earlier version becomes what a new one is; a migration that fails leaves no trace."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from synapse_sync.errors import LedgerError, LedgerFull, LedgerNewer
from synapse_sync.ledger import Ledger, backups, integrity_problems, migrations, open_for_reading, open_for_writing
from synapse_sync.ledger.backups import backups_of


def schema(path: Path) -> list[tuple[str, str]]:
    """Every table, index, view and trigger."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    finally:
        connection.close()


def made_by(steps: int, path: Path) -> Path:
    """A ledger as the version with so many migrations made it, with one feed."""
    database = Database(sqlite3.connect(path))
    migrations.migrations().apply(database, stop_before=(*migrations.known(), None)[steps])
    database["feeds"].insert({"name": "scans", "created_at": 0})
    database.close()
    return path


@pytest.mark.parametrize("steps", range(1, len(migrations.known()) + 1))
def test_an_earlier_ledger_becomes_what_a_new_one_is(ledger: Ledger, tmp_path: Path, steps: int) -> None:
    earlier = made_by(steps, tmp_path / "earlier.db")

    with open_for_writing(earlier, create=False):
        pass

    assert schema(earlier) == schema(ledger.path)


def test_a_ledger_is_kept_as_it_was_before_it_is_migrated(tmp_path: Path) -> None:
    earlier = made_by(2, tmp_path / "earlier.db")
    before = schema(earlier)

    with open_for_writing(earlier, create=False):
        pass
    with open_for_writing(earlier, create=False):
        pass  # there is nothing to be done by now

    [copy] = backups_of(earlier)
    assert copy.path.name.endswith("-from-0002.db")
    assert schema(copy.path) == before
    assert sqlite3.connect(copy.path).execute("SELECT name FROM feeds").fetchall() == [("scans",)]


def test_it_is_said_that_a_ledger_is_migrated_and_where_the_old_one_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = made_by(2, tmp_path / "earlier.db")

    with caplog.at_level(logging.WARNING), open_for_writing(earlier, create=False):
        pass

    [copy] = backups_of(earlier)
    assert f"as it was it is kept as {copy.path}" in caplog.text


def test_a_ledger_that_can_not_be_copied_is_not_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = made_by(2, tmp_path / "earlier.db")
    before = earlier.read_bytes()
    disk = os.statvfs(tmp_path)
    monkeypatch.setattr(backups, "MARGIN", disk.f_blocks * disk.f_frsize)

    with pytest.raises(LedgerFull, match=r"stays as an older version left it, because it can't be copied: .* MiB are"):
        open_for_writing(earlier, create=False).__enter__()
    (tmp_path / "backups").rmdir()
    (tmp_path / "backups").write_text("a file")
    with pytest.raises(LedgerError, match="stays as an older version left it"):
        open_for_writing(earlier, create=False).__enter__()

    assert earlier.read_bytes() == before


@pytest.mark.parametrize("statement", [1, 3, 6, 12, 20])
def test_a_migration_that_is_killed_leaves_a_ledger_that_opens(ledger: Ledger, tmp_path: Path, statement: int) -> None:
    earlier = made_by(2, tmp_path / "earlier.db")
    script = f"""
import os, signal
from pathlib import Path
from synapse_sync.ledger import migrations, open_for_writing
whole, count = migrations.statements, 0
def statements(script):
    global count
    for one in whole(script):
        count += 1
        if count == {statement}: os.kill(os.getpid(), signal.SIGKILL)
        yield one
migrations.statements = statements
open_for_writing(Path({str(earlier)!r}), create=False).__enter__()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, stderr=subprocess.DEVNULL).returncode == -9

    with open_for_writing(earlier, create=False) as opened:
        assert [row["name"] for row in opened.query("all_feeds")] == ["scans"]
    assert schema(earlier) == schema(ledger.path)
    assert integrity_problems(earlier) == []
    with open_for_reading(earlier):
        assert backups_of(earlier)[0].version == "0002"


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [name.partition("_")[0] for name in migrations.known()] == [
        f"{number:04}" for number in range(1, len(migrations.known()) + 1)
    ]


def test_a_script_is_taken_apart_into_whole_statements() -> None:
    """Also where a trigger's body has semicolons of its own."""
    script = """-- first
    CREATE TABLE a (x);  -- a comment; with a semicolon
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
        DELETE FROM a WHERE x = ';'; UPDATE a SET x = 1;
    END;
    """

    parts = list(migrations.statements(script))

    assert len(parts) == 2
    assert parts[1].strip().startswith("CREATE TRIGGER")
    assert parts[1].strip().endswith("END;")


def test_a_migration_that_fails_leaves_neither_its_tables_nor_its_record(tmp_path: Path) -> None:
    failing = Migrations(migrations.SET_NAME)

    @failing(name="0001_half")
    def half(database: Database) -> None:
        for statement in migrations.statements("CREATE TABLE made (x);\nINSERT INTO missing VALUES (1);\n"):
            database.execute(statement)

    database = Database(sqlite3.connect(tmp_path / "ledger.db"))
    with pytest.raises(sqlite3.OperationalError, match="missing"):
        failing.apply(database)

    assert "made" not in database.table_names()
    assert list(failing.applied(database)) == []
    database.close()


def test_a_ledger_with_an_unknown_migration_is_newer(path: Path, ledger: Ledger) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO _sqlite_migrations VALUES (99, ?, '9999_new', '')", (migrations.SET_NAME,))
    connection.commit()
    connection.close()
    ledger.close()

    with pytest.raises(LedgerNewer, match="it has 9999_new"):
        # The lock is the fixture's own; a backup has none.
        open_for_writing(copied(path), create=False).__enter__()


def copied(path: Path) -> Path:
    """The same ledger elsewhere."""
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    return copy
