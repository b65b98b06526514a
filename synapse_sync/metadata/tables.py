"""A sheet of cells as a table: which row holds the names of the columns, and each row below as names and values. Pure.

A title may stand above the header, which is then found by a name that it must have (the key column), or else is the
first row with at least two cells, all text. A header of two rows, as merged cells make it ("size" over "width" and
"height"), is read as "size width" and "size height". Blank rows are passed over.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any, NamedTuple

KEY_COLUMNS = ("filename", "file_name", "name", "id")
"""Columns that hold the key where the config names none, in this order, case apart; they don't become meta."""

HEADER_WITHIN = 20  # rows
MOST_ROWS, MOST_COLUMNS, LONGEST_VALUE = 500_000, 1000, 100_000


class Header(NamedTuple):
    """The columns' names in order ("" for one without), and the number of the header's last row."""

    columns: tuple[str, ...]
    row: int


class NoTable(ValueError):
    """What was read is no table that could be used; the message says why."""


Rows = Iterable[tuple[int, Sequence[Any]]]
"""Rows with their numbers, from 1."""


def table(rows: Rows, key_column: str) -> tuple[Header, Iterator[tuple[int, dict[str, Any]]]]:
    """The header, and each row below it as {column: value} without its empty cells. Raises NoTable."""
    iterator = iter(rows)
    top = [(number, [plain(cell) for cell in cells]) for number, cells in islice(iterator, HEADER_WITHIN)]
    at = _header_at(top, key_column)
    first = top[at][1]
    second = top[at + 1][1] if at + 1 < len(top) else []
    two = _is_second_header(first, second, key_column)
    names = _joined(first, second) if two else [_name(cell) for cell in first]
    header = Header(_checked(names), top[at + two][0])
    below = chain(top[at + 1 + two :], ((number, [plain(cell) for cell in cells]) for number, cells in iterator))
    return header, _named(header, below)


def plain(cell: Any) -> Any:
    """A cell as JSON has it: text stripped, whole numbers without a fraction, dates and times as ISO 8601, or None."""
    if isinstance(cell, str):
        return cell.strip() or None
    if isinstance(cell, float):
        return None if not math.isfinite(cell) else int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    return cell if cell is None or isinstance(cell, (bool, int)) else str(cell)


def row_key(cell: Any) -> str:
    """What a key cell is looked up by: its text, composed (NFC)."""
    return unicodedata.normalize("NFC", str(cell).strip())


def key_of(columns: Sequence[str], key_column: str) -> str | None:
    """The key column by its name: the one that is asked for, else the first of the usual ones; None for neither."""
    known = {column.casefold(): column for column in columns if column}
    wanted = (key_column,) if key_column else KEY_COLUMNS
    return next((known[name.casefold()] for name in wanted if name.casefold() in known), None)


def _header_at(top: Sequence[tuple[int, list[Any]]], key_column: str) -> int:
    names = [[_name(cell) for cell in cells] for _, cells in top]
    keys = [
        (KEY_COLUMNS.index(key.casefold()) if not key_column else 0, at)
        for at, row in enumerate(names)
        if (key := key_of(row, key_column))
    ]
    found = min(keys)[1] if keys else None  # a title may well begin with "Name": the surer word wins
    if found is None and not key_column:
        found = next((at for at, (_, cells) in enumerate(top) if _could_be_header(cells)), None)
    if found is None:
        seen = ", ".join(name for name in max(names, key=lambda row: sum(map(bool, row)), default=[]) if name)
        what = f"has no column {key_column}" if key_column else "has no header row"
        raise NoTable(
            f"{what} within its first {HEADER_WITHIN} rows" + (f"; its fullest row is: {seen}" if seen else "")
        )
    return found


def _could_be_header(cells: Sequence[Any]) -> bool:
    there = [cell for cell in cells if cell is not None]
    return len(there) > 1 and all(isinstance(cell, str) for cell in there)


def _is_second_header(first: Sequence[Any], second: Sequence[Any], key_column: str) -> bool:
    """Whether the row below the header belongs to it: text alone, under every gap, and nothing under the key."""
    key = key_of([_name(cell) for cell in first], key_column)
    if key is None:
        return False
    gaps = [at for at, cell in enumerate(second) if cell is not None and (at >= len(first) or first[at] is None)]
    under_key = second[[_name(cell) for cell in first].index(key)] if len(second) else None
    return bool(gaps) and under_key is None and all(cell is None or isinstance(cell, str) for cell in second)


def _joined(first: Sequence[Any], second: Sequence[Any]) -> list[str]:
    names, above = [], ""
    for at in range(max(len(first), len(second))):
        here = _name(first[at]) if at < len(first) else ""
        below = _name(second[at]) if at < len(second) else ""
        above = here or (above if below else "")
        names.append(f"{above} {below}".strip())
    return names


def _name(cell: Any) -> str:
    return "" if cell is None else " ".join(str(cell).split())


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    for name in filter(None, names):
        if name in seen:
            raise NoTable(f"has two columns called {name}; give one of them another name")
        seen.add(name)
    if len(names) > MOST_COLUMNS:
        raise NoTable(f"has {len(names):,} columns, {MOST_COLUMNS:,} are read")
    return tuple(names)


def _named(header: Header, rows: Rows) -> Iterator[tuple[int, dict[str, Any]]]:
    count = 0
    for number, cells in rows:
        if len(cells) > MOST_COLUMNS:
            raise NoTable(f"row {number} has {len(cells):,} cells, {MOST_COLUMNS:,} are read")
        values = {}
        for at, cell in enumerate(cells):
            if cell is None:
                continue
            if isinstance(cell, str) and len(cell) > LONGEST_VALUE:
                raise NoTable(f"row {number} has a value of {len(cell):,} characters, {LONGEST_VALUE:,} are read")
            name = header.columns[at] if at < len(header.columns) else ""
            values[name or f"column_{at + 1}"] = cell
        if values:
            count += 1
            if count > MOST_ROWS:
                raise NoTable(f"has more than {MOST_ROWS:,} rows")
            yield number, values
