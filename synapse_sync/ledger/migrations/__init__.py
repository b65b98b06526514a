"""Numbered migrations: each .sql file of this folder is one, applied in order together with the record of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

SET_NAME = "synapse_sync"


def known() -> list[str]:
    """Names of all migrations of this version, in order."""
    return sorted(entry.name.removesuffix(".sql") for entry in files(__name__).iterdir() if entry.name.endswith(".sql"))


def migrations() -> Migrations:
    """The migrations as sqlite-utils runs them: the change and its record commit together, or neither does."""
    from sqlite_utils.migrations import Migrations

    result = Migrations(SET_NAME)
    for name in known():
        script = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")

        def apply(database: Database, script: str = script) -> None:
            for statement in statements(script):
                database.execute(statement)

        result(name=name)(apply)
    return result


def statements(script: str) -> Iterator[str]:
    """The single statements of a script: sqlite3's own executescript() would commit the open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
