"""`plan --xlsx`: the plan as a workbook that a colleague can review: units, files, meta, and what stands aside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from synapse_sync.errors import UsageError
from synapse_sync.shown import plain

WIDTHS = {"files": 60, "why": 60, "path": 60, "problem": 80, "grouping": 80}


def write_plan(plan: Mapping[str, Any], path: Path) -> None:
    """Write what `plan` found to an .xlsx file. Raises UsageError where it can't be written."""
    try:
        with path.open("wb") as stream:
            _workbook(plan["feeds"]).save(stream)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", hint="name another file") from error


def _workbook(feeds: Sequence[Mapping[str, Any]]) -> Workbook:
    workbook = Workbook(write_only=True)
    _sheet(
        workbook,
        "feeds",
        ("feed", "problem", "grouping", "would register", "aside", "bytes to send"),
        map(_feed, feeds),
    )
    meta = sorted({name for feed in feeds for unit in feed["units"] for name in unit["meta"]})
    columns = (
        "feed",
        "unit",
        "version",
        "state",
        "why",
        "files",
        "groups",
        *meta,
        "where meta came from",
        "the server",
    )
    _sheet(workbook, "units", columns, (_unit(feed, unit, meta) for feed in feeds for unit in feed["units"]))
    asides = ((feed, item) for feed in feeds for item in feed["aside"])
    rows = ([feed["name"], item["asset"], item["path"], item["state"], item["reason"]] for feed, item in asides)
    _sheet(workbook, "left aside", ("feed", "asset", "path", "state", "why"), rows)
    return workbook


def _feed(feed: Mapping[str, Any]) -> list[Any]:
    totals = feed["totals"]
    grouping = feed["grouping"].get("summary") or f"as configured: {feed['grouping'].get('configured', '')}"
    return [feed["name"], feed["problem"], grouping, totals["to_register"], totals["aside"], totals["bytes_to_send"]]


def _unit(feed: Mapping[str, Any], unit: Mapping[str, Any], meta: Sequence[str]) -> list[Any]:
    files = "; ".join(f"{spec}: {file['path']}" for spec, file in unit["files"].items())
    sources = "; ".join(f"{name}: {source}" for name, source in unit["meta_sources"].items())
    values = [unit["meta"].get(name) for name in meta]
    head = [
        feed["name"],
        unit["key"],
        unit["version"],
        unit["state"],
        unit["reason"],
        files,
        " / ".join(unit["groups"]),
    ]
    return [*head, *values, sources, unit["server_says"]]


def _sheet(workbook: Workbook, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    sheet = workbook.create_sheet(title)
    sheet.freeze_panes = "A2"
    for at, name in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(at)].width = WIDTHS.get(name, 18)
    heads = []
    for name in columns:
        head = WriteOnlyCell(sheet, plain(name))
        head.font = Font(bold=True)
        heads.append(head)
    sheet.append(heads)
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: Any, value: Any) -> Any:
    """A value as a cell; text stays text, also where it begins like a formula."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    cell = WriteOnlyCell(sheet, plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    cell.data_type = "s"
    return cell
