"""Sidecars: JSON or YAML files that say something of the file, or of the folder, that they lie beside. Pure.

    scan.png    scan.meta.json and scan.png.meta.json, scan.json and scan.png.json (where no specification takes .json)
    a folder    meta.json and .meta.json in it speak of every file in it and below

The nearer wins: a file's own sidecar over its folder's, a folder's over that of the folder above. Each name may end in
.yaml or .yml as well.
"""

from __future__ import annotations

import json
import unicodedata
from datetime import date, time
from typing import Any

from synapse_sync.config.meta_values import check_meta_values

ENDINGS = (".json", ".yaml", ".yml")
LARGEST = 1 << 20  # bytes
MOST_VALUES, DEEPEST = 10_000, 20


def beside(name: str, stem: str) -> list[str]:
    """Names of the sidecars of a file, the weakest first."""
    found = [f"{base}{meta}{ending}" for base in (stem, name) for meta in ("", ".meta") for ending in ENDINGS]
    return [each for each in found if each != name]


def of_folder() -> list[str]:
    """Names of the sidecars of a folder, the weakest first."""
    return [f"{base}{ending}" for base in ("meta", ".meta") for ending in ENDINGS]


def folded(name: str) -> str:
    """What a sidecar's name is looked up by: composed (NFC), case apart; "" for what is no sidecar's name."""
    return unicodedata.normalize("NFC", name).casefold() if name.lower().endswith(ENDINGS) else ""


def parse(name: str, content: bytes) -> dict[str, Any]:
    """What a sidecar says, as JSON has it (dates as ISO text). Raises ValueError, in words, for what is no table."""
    if len(content) > LARGEST:
        raise ValueError(f"has more than {LARGEST >> 20} MiB")
    try:
        value = _json(content) if name.lower().endswith(".json") else _yaml(content)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("is no table of names and values")  # noqa: TRY004 - about the file, not about an argument
    _require_plain(value)
    return check_meta_values(value)


def _require_plain(value: Any) -> None:
    """Raises ValueError for what JSON can't hold, and for what unfolds to more than anybody means to write."""
    waiting, count = [(value, 0)], 0
    while waiting:
        each, depth = waiting.pop()
        count += 1
        if depth > DEEPEST or count > MOST_VALUES:
            raise ValueError(f"holds more than {MOST_VALUES:,} values, or is nested more than {DEEPEST} deep")
        if isinstance(each, dict):
            if not all(isinstance(key, str) for key in each):
                raise ValueError("is no table of names and values: a name is no text")
            waiting += [(part, depth + 1) for item in each.items() for part in item]
        elif isinstance(each, list):
            waiting += [(part, depth + 1) for part in each]
        elif isinstance(each, str):
            try:
                each.encode()
            except UnicodeEncodeError:
                raise ValueError("holds text that is no Unicode") from None
        elif not isinstance(each, (bool, int, float, date, time, type(None))):
            raise ValueError(f"holds a value that JSON does not have ({type(each).__name__})")  # noqa: TRY004


def _json(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None


def _yaml(content: bytes) -> Any:
    import yaml

    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from None
