"""The server's own words out of an error body, in whichever of its shapes they come (protocol §2.5).

v1, Django REST framework   {"detail": "…"} · {"field": ["…"]} · [{}, {"files": {"image_1": ["…"]}}]
v2                          {"error": {"code", "message", "details": [{"field", "message"}]}, "meta": {"request_id"}}
FastAPI                     {"detail": [{"loc": ["body", "x"], "msg": "…", "type": "…"}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

LIMIT = 2000
"""Characters of a server's answer that a message carries: one unit's refusal with its checksums fits."""

DEEPEST = 20
"""Levels of nesting that are looked into."""

_BARE = frozenset({"detail", "details", "error", "errors", "message", "non_field_errors"})
"""Keys that say nothing about the place of a problem."""


def parse(body: bytes) -> Any:
    """The body's JSON value, or None where it is no JSON (a proxy's page, nothing, half an answer)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def words(value: Any) -> str:
    """What an error body (parsed JSON) says, as one line: "image_1: Checksum not found.; meta: …"."""
    request_id = ""
    if isinstance(value, Mapping) and isinstance(value.get("error"), Mapping):
        request_id = _request_id(value.get("meta"))
        value = {key: inner for key, inner in value["error"].items() if key != "code"} or value["error"]
    said = "; ".join(
        dict.fromkeys(f"{'.'.join(place)}: {text}" if place else text for place, text in _lines(value, ()))
    )
    said = " ".join(said.split()) or "no reason given"
    return (said if len(said) <= LIMIT else said[: LIMIT - 1] + "…") + request_id


def _request_id(meta: Any) -> str:
    """The v2 envelope's request id, by which the server's operators find the request in their logs."""
    return f" (request {meta['request_id']})" if isinstance(meta, Mapping) and meta.get("request_id") else ""


def _lines(value: Any, place: tuple[str, ...], level: int = 0) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each text in a nested error body with the place that it speaks of; what is nested too deep says nothing."""
    if level > DEEPEST:
        return
    if isinstance(value, Mapping):
        if isinstance(value.get("loc"), list) and "msg" in value:
            yield (*place, *map(str, value["loc"])), str(value["msg"])
        elif isinstance(value.get("field"), str) and "message" in value:
            yield (*place, value["field"]) if value["field"] else place, str(value["message"])
        else:
            for key, inner in value.items():
                yield from _lines(inner, place if key in _BARE else (*place, str(key)), level + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            placed = isinstance(inner, Mapping) and not {"loc", "field"} & inner.keys()
            yield from _lines(inner, (*place, str(index)) if placed else place, level + 1)
    elif value is not None and value != "":
        yield place, str(value)
