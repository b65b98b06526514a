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
