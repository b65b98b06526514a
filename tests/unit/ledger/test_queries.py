"""Every SQL statement has a name of its own and a user, says what it does, and fits the schema."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import synapse_sync
from synapse_sync.ledger.queries import statement

PACKAGE = Path(synapse_sync.__file__).parent
TEXT = {path.name: path.read_text() for path in sorted((PACKAGE / "ledger/queries").glob("*.sql"))}
NAMES = [name for text in TEXT.values() for name in re.findall(r"^-- ([a-z_]+):", text, re.MULTILINE)]
CODE = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if "devserver" not in path.parts)
CALLED = re.findall(r"""\.(?:run|run_many|query|tuples|one)\(\s*"([a-z_]+)\"""", CODE)


def test_no_two_statements_have_one_name() -> None:
    assert sorted(set(NAMES)) == sorted(NAMES)


@pytest.mark.parametrize("file", TEXT)
def test_every_statement_stands_below_one_line_that_says_what_it_does(file: str) -> None:
    for block in TEXT[file].strip().split("\n\n"):
        head, *body = block.splitlines()
        assert re.fullmatch(r"-- [a-z_]+: \S.+", head), head
        assert body, head
        assert not any(line.startswith("--") for line in body), head


def test_every_statement_is_used() -> None:
    named = set(re.findall(r"\"([a-z_]+)\"", CODE))

    assert sorted(set(NAMES) - named) == []


def test_every_statement_that_is_called_is_there() -> None:
    assert len(CALLED) > 50, "the pattern finds the calls"
    assert sorted(set(CALLED) - set(NAMES)) == []


class Anything(dict[str, object]):
    """A value for every parameter."""

    def __missing__(self, name: str) -> object:
        return "[]"


@pytest.fixture(scope="module")
def schema() -> Iterator[sqlite3.Connection]:
    """A database with the ledger's tables."""
    connection = sqlite3.connect(":memory:")
    for script in sorted((PACKAGE / "ledger/migrations").glob("*.sql")):
        connection.executescript(script.read_text())
    yield connection
    connection.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_fits_the_schema(schema: sqlite3.Connection, name: str) -> None:
    assert schema.execute(f"EXPLAIN {statement(name)}", Anything()).fetchall()


def test_sql_stands_nowhere_else() -> None:
    """Steps know a query's name, nothing else of SQL."""
    others = [path for path in PACKAGE.rglob("*.py") if not {"devserver", "ledger"} & set(path.parts)]
    sql = re.compile(r"\b(SELECT\b.+\bFROM|INSERT INTO|UPDATE\s+\w+\s+SET|DELETE FROM)\b")

    assert [path.name for path in others if sql.search(path.read_text())] == []


FULL = {
    "doubt_surveys": "after a backup was put in place",
    "doubt_tasks": "after a backup was put in place",
    "contents_due_by": "after the clock was set back",
    "made_since": "after an answer was lost, from the newest on until one is found",
    "last_registration": "from the newest on until one is found",
    "retry_everything": "by a person's word",
    "retry_all_units": "by a person's word",
    "retry_held_files": "by a person's word",
    "file_accounts": "status",
    "list_files": "files, in order, up to a limit",
    "list_units": "units, in order, up to a limit",
    "find_file": "files show",
    "planned_units": "plan",
    "planned_aside": "plan",
    "sample_by_directory": "once for each feed, until its layout is known",
    "reopen_units": "after a change of settings or of the collection",
    "doubt_meta": "after a change of settings or of the collection",
    "files_without_source": "after a change of settings",
    "files_taken_on_trust": "verify --deep",
    "units_vouched_by": "after a source vouched for what is not so",
    "describe_all_again": "after a change of the table",
    "names_of_units": "after a change of the table, up to a limit",
    "known_directories": "a listing of everything",
    "present_before": "a listing of everything, of a remote source",
    "count_present": "after another folder was mounted in place of a root",
    "move_device": "after another folder was mounted in place of a root",
}
"""Statements that may read a table, or all of a feed's rows in it, from end to end; and when they run."""


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_of_every_run_reads_no_more_than_it_needs(schema: sqlite3.Connection, name: str) -> None:
    """As SQLite plans it without statistics, which a ledger never has: with 1,000,000 units it would take a second."""
    plan = [row[3] for row in schema.execute(f"EXPLAIN QUERY PLAN {statement(name)}", Anything())]
    large = "files|units|contents|unit_files|intents|history|[fucix]|uf|d"
    files, units = "failing|to_detect|waiting|broken|empty|to_reread", "whole|pending|meta_due"
    small = f"contents_to_|files_({files})|units_({units})|intents_open"
    counted = "COVERING INDEX (units|files)_by_state"
    full = [
        step
        for step in plan
        if re.match(rf"SCAN ({large})\b|SEARCH ({large}) USING .*\((feed=\?|feed=\? AND asset=\?|kind=\?)\)", step)
        and not re.search(rf"{small}|{counted}|sqlite_autoindex_feeds", step)
    ]

    assert not full or name in FULL
