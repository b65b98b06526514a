"""Values brought to the type that a schema asks for, where that is beyond doubt; all others stay as they are. Pure.

Names, sidecars and table cells hold text where the schema wants a number, a number where it wants text ("0042" is the
text that a cell holds, 42 the number), a date as people write it, an enumeration in another case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

_TRUE = frozenset({"true", "yes", "y", "예", "네", "참"})
_FALSE = frozenset({"false", "no", "n", "아니오", "아니요", "거짓"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}(?:\.0{1,30})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATES = (
    re.compile(r"([0-9]{4})\s?[-/.]\s?([0-9]{1,2})\s?[-/.]\s?([0-9]{1,2})\.?"),  # 2024-1-5, 2024/01/05, 2024. 1. 5.
    re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})"),
)
"""Year, month, day: other orders differ from country to country."""


def coerced(value: Any, rule: Mapping[str, Any]) -> Any:
    """The value as the rule (a JSON Schema of one property) has it, or the value itself."""
    if not rule:
        return value
    options = rule.get("enum")
    if isinstance(options, list):
        return _one_of(value, options)
    types = rule.get("type", [])
    types = [types] if isinstance(types, str) else types
    if _is_any(value, types):
        return _as_date(value) if isinstance(value, str) and rule.get("format") == "date" else value
    for kind in types:
        convert = _CONVERSIONS.get(kind)
        if convert is not None and (result := convert(value)) is not None:
            return result
    return value


def _one_of(value: Any, options: list[Any]) -> Any:
    """The one option that is written like the value, case and type apart."""
    if value in options:
        return value
    alike = [option for option in options if _text(option) == _text(value) != ""]
    return alike[0] if len(alike) == 1 else value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip().casefold()
    return "" if isinstance(value, (bool, dict, list, type(None))) else str(value)


def _is_any(value: Any, types: list[str]) -> bool:
    """Whether the value has one of these JSON types already."""
    return any(kind in types for kind in _KINDS.get(type(value), ()))


_KINDS: Mapping[type, tuple[str, ...]] = {
    bool: ("boolean",), int: ("integer", "number"), float: ("number",), str: ("string",), type(None): ("null",),
}  # fmt: skip


def _integer(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = value.strip() if isinstance(value, str) else ""
    return int(text.partition(".")[0]) if _INTEGER.fullmatch(text) else None


def _number(value: Any) -> float | int | None:
    whole = _integer(value)
    if whole is not None:
        return whole
    text = value.strip() if isinstance(value, str) else ""
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _boolean(value: Any) -> bool | None:
    word = value.strip().casefold() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def _string(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_date(text: str) -> str:
    """The date in ISO 8601, where the text is one in the order year, month, day."""
    found = next(filter(None, (form.fullmatch(text.strip()) for form in _DATES)), None)
    if found is None:
        return text
    try:
        return date(*map(int, found.groups())).isoformat()
    except ValueError:
        return text


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
}
