"""The cells of a table file, row by row: .csv and .tsv, .xlsx (openpyxl), .xls and .ods (calamine). Reads a stream.

Files come from anybody: sizes are held against limits before anything is unpacked. Some sheets end the process that
reads them all the same, so this runs in a process of its own (table_process.py).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from synapse_sync.metadata.tables import MOST_COLUMNS, NoTable, Rows

LARGEST = 100 << 20  # bytes of the file
LARGEST_UNPACKED = 300 << 20  # bytes of what a workbook's zip archive holds
ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt")

_DELIMITERS = ",;\t|"
_PAIR = re.compile(rb"[\x81-\xfe][\x41-\x5a\x61-\x7a\x81-\xfe]")
_HANGUL = re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")


def sheets(stream: BinaryIO, ending: str) -> Iterator[tuple[str, Rows]]:
    """The sheets of a table file with their names ("" for a text file), the one that was last looked at first.

    Each sheet's rows are to be taken before the next sheet. Raises NoTable.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > LARGEST:
        raise NoTable(f"has {size:,} bytes, {LARGEST:,} are read")
    if ending in (".csv", ".tsv", ".txt"):
        yield "", _text_rows(decoded(stream.read()), "\t" if ending == ".tsv" else None)
        return
    if ending != ".xls":
        _check_archive(stream)
    yield from _openpyxl(stream) if ending in (".xlsx", ".xlsm") else _calamine(stream)


def decoded(content: bytes) -> str:
    """The text of a file whose encoding nobody tells: UTF-8 or UTF-16 by its mark, UTF-8, CP949, else Latin-1.

    Korean text is a run of pairs of bytes above A1; an accent of Latin-1 stands between letters.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    pairs = len(_PAIR.findall(content))
    if pairs and len(_HANGUL.findall(content)) >= pairs / 2:
        try:
            return content.decode("cp949")
        except UnicodeDecodeError:
            pass
    return content.decode("cp1252", "replace")


def _text_rows(text: str, delimiter: str | None) -> Rows:
    csv.field_size_limit(1 << 24)
    lines = io.StringIO(text, newline="")
    try:
        reader = csv.reader(lines, delimiter=delimiter or _delimiter(text), strict=True)
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise NoTable(f"can't be read as text with columns: {error}") from None


def _delimiter(text: str) -> str:
    """The character that splits the first lines most evenly: the same number of times in each, and often."""
    lines = [line for line in text[: 1 << 16].splitlines() if line.strip()][:20]

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = [len(next(csv.reader([line], delimiter=delimiter))) for line in lines]
        common = max(set(counts), key=counts.count, default=1)
        return (counts.count(common) if common > 1 else 0, common)

    return max(_DELIMITERS, key=evenness)


def _check_archive(stream: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:
        raise NoTable("is no workbook: it is damaged, encrypted, or of another format than its name says") from None
    if unpacked > LARGEST_UNPACKED:
        raise NoTable(f"holds {unpacked:,} bytes when unpacked, {LARGEST_UNPACKED:,} are read")
    stream.seek(0)


def _openpyxl(stream: BinaryIO) -> Iterator[tuple[str, Rows]]:
    from openpyxl import load_workbook

    workbook = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    active = workbook.active
    order = sorted(workbook.worksheets, key=lambda sheet: sheet is not active)
    for sheet in order:
        sheet.reset_dimensions()
        yield sheet.title, ((number, _cells(row)) for number, row in enumerate(sheet.iter_rows(), 1))


def _cells(row: Iterable[Any]) -> list[Any]:
    """The values of one row: formulas as they were last computed, errors (#N/A) as nothing."""
    values = [None if cell.value is None or cell.data_type == "e" else cell.value for cell in row]
    if len(values) > MOST_COLUMNS:
        while values and values[-1] is None:
            values.pop()
    if len(values) > MOST_COLUMNS:
        raise NoTable(f"has {len(values):,} columns, {MOST_COLUMNS:,} are read")
    return values


def _calamine(stream: BinaryIO) -> Iterator[tuple[str, Rows]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        for name in workbook.sheet_names:
            yield name, enumerate(workbook.get_sheet_by_name(name).iter_rows(), 1)
    except CalamineError as error:
        raise NoTable(f"is no workbook that can be read: {error}") from None
