"""Every SQL statement by name. A statement stands in a .sql file of this folder under `-- name: what it does`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- ([a-z_]+): .+$", re.MULTILINE)


@cache
def statement(name: str) -> str:
    """The SQL text of one named statement; KeyError if there is none."""
    return _statements()[name]


@cache
def _statements() -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".sql"):
            continue
        parts = _HEADER.split(entry.read_text(encoding="utf-8"))[1:]
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are called {name}")
            found[name] = body.strip()
    return found
