"""Where in a TOML text a key stands: so that a problem can be found without counting brackets.

A place is the way to a value, ("feeds", 0, "grouping", "by"); lines count from 1. Pure. A statement (a table header, or
a key with its value) ends at the first line up to which tomllib can read it; so tomllib alone knows the grammar, with
its multi-line strings, inline tables and dotted keys.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]


def lines_of(text: str) -> dict[Place, int]:
    """The line of every table and key of a valid TOML text; keys within a value have the line where it begins."""
    lines: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _table(parsed, counts)
            found = [table[:length] for length in range(1, len(table) + 1)]
        else:
            found = list(_below(parsed, table))
        for place in found:
            lines.setdefault(place, number)
    return lines


def line_of(lines: dict[Place, int], place: Place) -> int | None:
    """The line of the place, or of the nearest table around it; None where not even that stands in the text."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def written(place: Place) -> str:
    """A place as a person reads it: feeds[0].grouping.by."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False)
            text += f".{key}" if text else key
    return text


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the number of its first line; blank lines and comments are none."""
    first, statement = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not statement:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            first = number
        statement += line + "\n"
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield first, statement
        statement = ""


def _table(header: dict[str, Any], counts: dict[Place, int]) -> Place:
    """The place that a header opens; `counts` holds how many tables each array of tables has so far."""
    place: Place = ()
    node: Any = header
    while isinstance(node, dict) and node:
        key, node = next(iter(node.items()))
        place = (*place, key)
        if isinstance(node, list):
            counts[place] = counts.get(place, 0) + 1
        if place in counts:
            place = (*place, counts[place] - 1)
    return place


def _below(node: Any, place: Place) -> Iterator[Place]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from _below(inner, (*place, key))
