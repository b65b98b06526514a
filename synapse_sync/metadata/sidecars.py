"""Sidecars: JSON or YAML files that say something of the file, or of the folder, that they lie beside. Pure.

    scan.png    scan.meta.json and scan.png.meta.json, scan.json and scan.png.json (where no specification takes .json)
    a folder    meta.json and .meta.json in it speak of every file in it and below

The nearer wins: a file's own sidecar over its folder's, a folder's over that of the folder above. Each name may end in
.yaml or .yml as well.
"""

from __future__ import annotations

import json
from typing import Any

from synapse_sync.config.meta_values import check_meta_values

ENDINGS = (".json", ".yaml", ".yml")
LARGEST = 1 << 20  # bytes


def beside(name: str, stem: str) -> list[str]:
    """Names of the sidecars of a file, the weakest first."""
    found = [f"{base}{meta}{ending}" for base in (stem, name) for meta in ("", ".meta") for ending in ENDINGS]
    return [each for each in found if each != name]


def of_folder() -> list[str]:
    """Names of the sidecars of a folder, the weakest first."""
    return [f"{base}{ending}" for base in ("meta", ".meta") for ending in ENDINGS]


def parse(name: str, content: bytes) -> dict[str, Any]:
    """What a sidecar says, as JSON has it (dates as ISO text). Raises ValueError, in words, for what is no table."""
    if len(content) > LARGEST:
        raise ValueError(f"has more than {LARGEST >> 20} MiB")
    value = _json(content) if name.lower().endswith(".json") else _yaml(content)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError("is no table of names and values")
    return check_meta_values(value)


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
