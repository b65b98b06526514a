"""What differs between the meta that a unit was sent with and what it would be now, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_NOTHING = object()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Each key whose value differs: "age: 45 → 46", "site: nothing → "Seoul""."""
    names = sorted(before.keys() | after.keys())
    pairs = ((name, _told(before.get(name, _NOTHING)), _told(after.get(name, _NOTHING))) for name in names)
    return [f"{name}: {was} → {now}" for name, was, now in pairs if was != now]


def _told(value: Any) -> str:
    return "nothing" if value is _NOTHING else json.dumps(value, ensure_ascii=False, sort_keys=True)
