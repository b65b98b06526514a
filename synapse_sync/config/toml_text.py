"""Writing TOML: the standard library only reads it. Pure.

What enters is what tomllib yields (tables, lists, text, numbers, truth values, dates); None is left out, as TOML has
none. What leaves reads back as the same values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any


def toml_text(table: Mapping[str, Any]) -> str:
    """The text of a whole TOML file; tables that are empty are left out."""
    return "\n".join(_lines(table, ())).lstrip("\n") + "\n"


def toml_value(value: Any) -> str:
    """One value as it stands behind a "="; tables within become inline tables."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but TOML wants DEL escaped as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in _set(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return repr(value)


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Plain values first: after a header, a key would belong to that header's table."""
    deeper = []
    for key, value in _set(table):
        if isinstance(value, Mapping) or _is_array_of_tables(value):
            deeper.append((key, value))
        else:
            yield f"{_key(key)} = {toml_value(value)}"
    for key, value in deeper:
        name = ".".join(_key(part) for part in (*path, key))
        for inner in [value] if isinstance(value, Mapping) else value:
            if inner or not isinstance(value, Mapping):
                yield from ("", f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]")
                yield from _lines(inner, (*path, key))


def _set(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in table.items() if value is not None]


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)
