"""Reads one table file in a process of its own: `python -m synapse_sync.metadata.table_process ENDING KEY_COLUMN`.

The file is standard input. Lines of JSON come out: {"sheet", "columns", "header_row"}, then [row, {column: value}] for
each row, then {"rows"}; or {"error"} in words. Memory and CPU time are limited, so that a sheet made to break its
reader breaks this process alone.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from synapse_sync.metadata.cells import sheets
from synapse_sync.metadata.tables import Header, NoTable, table

MEMORY = 1 << 30  # bytes of address space: 100,000 rows take a tenth
CPU_SECONDS = 120
MOST_OUTPUT = 64 << 20  # characters: a few bytes of a workbook can stand for a gigabyte of equal cells


def main() -> None:
    """Read the table on standard input."""
    ending, key_column = sys.argv[1:]
    with suppress(OSError, ValueError):  # a hardened service may not set limits; it has one of its own
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        _write(sys.stdin.buffer, ending, key_column)
    except NoTable as error:
        _line({"error": str(error)})
    except MemoryError:
        _line({"error": f"takes more than {MEMORY >> 20} MiB to read"})
    except Exception as error:  # noqa: BLE001 - whatever a library makes of a broken file, a person is told
        _line({"error": f"can't be read: {type(error).__name__}: {error}"})


def _write(stream: BinaryIO, ending: str, key_column: str) -> None:
    sheet, header, rows = _sheet_with_table(stream, ending, key_column)
    _line({"sheet": sheet, "columns": list(header.columns), "header_row": header.row})
    count = written = 0
    for number, values in rows:
        written += _line([number, values])
        if written > MOST_OUTPUT:
            raise NoTable(f"has more than {MOST_OUTPUT >> 20} MiB of cells")
        count += 1
    _line({"rows": count})


def _sheet_with_table(
    stream: BinaryIO, ending: str, key_column: str
) -> tuple[str, Header, Iterator[tuple[int, dict[str, Any]]]]:
    """The first sheet that is a table (with this key column); the error is that of the sheet last looked at."""
    first: NoTable | None = None
    for name, rows in sheets(stream, ending):
        try:
            return name, *table(rows, key_column)
        except NoTable as error:
            first = first or error
    raise first or NoTable("has no sheet")


def _line(value: Any) -> int:
    return sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
