"""How results reach a person or a program: tables, lines, JSON; text from file names made safe for a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synapse_sync.shown import plain

if TYPE_CHECKING:
    from rich.console import Console

NOT_A_TERMINAL = 200  # columns of a table that goes into a file or a pipe


def console(*, stderr: bool = False) -> Console:
    """A console for people: colours and the real width on a terminal, plain wide text elsewhere."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else NOT_A_TERMINAL)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print one JSON document, UTF-8; what a terminal might act upon is escaped, which no program notices."""
    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    sys.stdout.write("\n".join(line if line.isprintable() else _json_escaped(line) for line in lines) + "\n")


def _json_escaped(text: str) -> str:
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Print a table; cells wrap and are never cut."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    result = Table(*columns, box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in result.columns:
        column.overflow = "fold"
    for row in rows:
        result.add_row(*(Text("" if cell is None else plain(cell)) for cell in row))
    console().print(result)


def fields(values: Mapping[str, object], *, indent: int = 0) -> None:
    """Print names and values, one a line; empty values are left out."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        if value not in (None, "", [], {}):
            sys.stdout.write(f"{' ' * indent}{name.replace('_', ' '):<{width}}  {plain(value)}\n")
