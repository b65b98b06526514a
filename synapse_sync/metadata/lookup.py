"""Which row of a table speaks of a unit. Pure.

Looked for, in this order, are rows called exactly as the unit's key, the path, the name or the stem of its first file,
the path or name of another file of it, the last folder of its key; then, as the official client does, as what a
numbered stem comes from (`scan` for `scan_0001`), never as a part of a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from synapse_sync.metadata.tables import KEY_COLUMNS, row_key

_NUMBERED = re.compile(r"(.+)_[0-9]+")


class Row(NamedTuple):
    """A row of the table: its number, its key and its cells by column."""

    number: int
    key: str
    cells: Mapping[str, Any]


def names_of(key: str, paths: Sequence[str], stem: str) -> list[str]:
    """What a row for this unit may be called, the best first; paths: of its files, the first one's first."""
    first, *others = paths
    names = [key, first, _base(first), stem]
    names += [name for path in others for name in (path, _base(path))]
    names.append(_base(key))
    if numbered := _NUMBERED.fullmatch(stem):
        names.append(numbered[1])
    return list(dict.fromkeys(map(row_key, names)))


def row_for(names: Sequence[str], rows: Mapping[str, Sequence[Row]]) -> tuple[Row | None, str]:
    """The row with the best name (rows: by key), and why none can be chosen: rows of one name that say other things."""
    found = next((rows[name] for name in names if rows.get(name)), ())
    if not found:
        return None, ""
    differing = sorted({column for row in found for column in row.cells.keys() | found[0].cells.keys()
                        if _said(row, column) != _said(found[0], column)})  # fmt: skip
    if differing:
        numbers = ", ".join(str(row.number) for row in found)
        return None, f"{len(found)} rows for {found[0].key} (rows {numbers}) differ in {', '.join(differing)}"
    return found[0], ""


def meta_of(row: Row, key_column: str) -> dict[str, Any]:
    """What the row says beside its key; a key column that is called as one is no meta."""
    return {
        column: value
        for column, value in row.cells.items()
        if column != key_column or key_column.casefold() not in KEY_COLUMNS
    }


def best_column(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], names: frozenset[str]) -> str | None:
    """The column whose values are names of units most often, if half of its values are."""
    hits, filled = dict.fromkeys(columns, 0), dict.fromkeys(columns, 0)
    for cells in rows:
        for column, value in cells.items():
            if column in hits:
                filled[column] += 1
                hits[column] += row_key(value) in names
    best = max(columns, key=lambda column: hits[column], default="")
    return best if best and hits[best] and hits[best] * 2 >= filled[best] else None


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _said(row: Row, column: str) -> str:
    return json.dumps(row.cells.get(column), sort_keys=True)
