"""The whole ledger as plain rows, for other programs; nothing secret is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synapse_sync.ledger.store import Ledger, connect, translated
from synapse_sync.shown import shown

TABLES = (
    "feeds", "files", "contents", "units", "unit_files", "intents", "uploads", "runs", "history", "table_rows",
    "destinations", "surveys", "found_units", "upkeep", "audits",
)  # fmt: skip
LEFT_OUT = {"uploads": ("parts",)}  # presigned URLs: whoever has one may write


def rows(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Every row of every table with its table's name; names of files as text."""
    from sqlite_utils import Database

    with translated(ledger.path):
        connection = connect(ledger.path, writable=False)
        connection.row_factory = None
        try:
            for table in TABLES:
                for row in Database(connection)[table].rows:
                    kept = {name: _text(value) for name, value in row.items() if name not in LEFT_OUT.get(table, ())}
                    yield {"table": table, **kept}
        finally:
            connection.close()


def _text(value: Any) -> Any:
    return shown(value) if isinstance(value, bytes) else value
