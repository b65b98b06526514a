"""A ledger of any earlier version becomes what a new one is; a migration that fails leaves no trace."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from synapse_sync.errors import LedgerNewer
from synapse_sync.ledger import Ledger, migrations, open_for_writing


def schema(path: Path) -> list[tuple[str, str]]:
    """Every table, index, view and trigger."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("steps", range(1, len(migrations.known()) + 1))
def test_an_earlier_ledger_becomes_what_a_new_one_is(ledger: Ledger, tmp_path: Path, steps: int) -> None:
    earlier = tmp_path / "earlier.db"
    database = Database(sqlite3.connect(earlier))
    migrations.migrations().apply(database, stop_before=(*migrations.known(), None)[steps])
    database.close()

    with open_for_writing(earlier, create=False):
        pass

    assert schema(earlier) == schema(ledger.path)


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
