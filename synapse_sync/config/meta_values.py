"""Fixed metadata values of a feed: whatever TOML can say, as plain JSON. Pure."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from typing import Any


def check_meta_values(values: dict[str, Any]) -> dict[str, Any]:
    """The values as JSON has them: dates and times become ISO text. Raises ValueError for inf and nan."""
    return {key: _as_json(value, key) for key, value in values.items()}


def _as_json(value: Any, key: str) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f'"{key}" is {value}, which JSON does not have; write a number or text')
    if isinstance(value, dict):
        return {inner: _as_json(item, f"{key}.{inner}") for inner, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item, key) for item in value]
    return value
