"""How long a large metadata table takes to read, and how much memory, in the process of its own that reads it.

    python benchmarks/tables.py [--rows 100000]

A sheet of ten columns, text, numbers and dates, as .xlsx and as .csv, each through metadata/table_process.py; beside it
what openpyxl alone takes to go through the same workbook.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from measure import scratch_folder, verdict
from openpyxl import Workbook
from processes import Finished, print_conditions, run

SECONDS, MEMORY = 15.0, 300.0  # MB
ALONE = (
    "import sys, openpyxl\n"
    "for row in openpyxl.load_workbook(sys.argv[1], read_only=True).active.iter_rows(values_only=True): pass"
)


def rows(count: int) -> Iterator[list[object]]:
    """The header, and rows as a hospital's list of scans has them."""
    yield ["filename", "patient", "age", "weight", "taken", "site", "device", "note", "series", "ok"]
    first = date(2020, 1, 1)
    for number in range(count):
        when, site = first + timedelta(number % 2000), ("Seoul", "Busan", "Daegu")[number % 3]
        known = [f"scan_{number:06}.png", f"P{number // 7:06}", number % 90, number % 1000 / 10, when, site]
        yield [*known, f"CT-{number % 5}", f"note {number}", number, number % 2 == 0]


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """The same table in both formats."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("scans")
    for row in rows(count):
        sheet.append(row)
    book.save(folder / "meta.xlsx")
    with (folder / "meta.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows(count))
    return folder / "meta.xlsx", folder / "meta.csv"


def read(path: Path) -> Finished:
    """What the step does: the file is standard input."""
    module = [sys.executable, "-m", "synapse_sync.metadata.table_process", path.suffix, ""]
    return run(["sh", "-c", 'exec "$@" < "$0"', path, *module], discard=True)


def main() -> None:
    """Read both; prints seconds and memory with their targets."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rows", type=int, default=100_000)
    count = options.parse_args().rows
    print_conditions()
    with scratch_folder() as folder:
        workbook, text = write(folder, count)
        alone = run([sys.executable, "-c", ALONE, workbook], discard=True)
        print(f"openpyxl alone: {alone.seconds:.1f} s, {alone.peak_mb:.0f} MB")
        for path in (workbook, text):
            done = read(path)
            print(f"{path.suffix}: {count:,} rows in {done.seconds:.1f} s, {done.peak_mb:.0f} MB at the peak")
            verdict("  seconds", done.seconds, SECONDS, at_least=False)
            verdict("  memory in MB", done.peak_mb, MEMORY, at_least=False)


if __name__ == "__main__":
    main()
