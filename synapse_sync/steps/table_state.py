"""What a feed's work knows of its metadata table between the steps of a run."""

from __future__ import annotations

from dataclasses import dataclass

from synapse_sync.steps.table_away import TableAway


@dataclass(frozen=True)
class TableInUse:
    """The table that the ledger's rows are from: its name as shown, the sheet ("" for text), the key column."""

    name: str
    sheet: str
    key_column: str

    def source(self, row: int) -> str:
        """Where a value of this row comes from, in words."""
        return f"{self.name}, {f'sheet {self.sheet}, ' if self.sheet else ''}row {row}"


@dataclass
class Table:
    """The table as last looked for.

    in_use: the one whose rows the ledger has. pending: one is there that has not been read yet: no unit is described
    meanwhile. file: id of its row in the ledger, if it is one of the feed's files, as of the listing at looked_at.
    settles_at: when one that is none of them will have settled. away: that one, where it is in a remote place.
    """

    in_use: TableInUse | None = None
    pending: bool = True
    looked_at: float = -1.0
    file: int | None = None
    settles_at: float | None = None
    away: TableAway | None = None
