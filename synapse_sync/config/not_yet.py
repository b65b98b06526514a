"""What a config file may one day say and this version does not do: refused in words, never ignored.

A row leaves the table when its feature comes. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from synapse_sync.config.addresses import scheme_of
from synapse_sync.config.feed import Feed
from synapse_sync.config.paths import is_remote
from synapse_sync.config.places import Place
from synapse_sync.config.problems import Problem
from synapse_sync.config.remote import KINDS


class Missing(NamedTuple):
    """One missing feature: which values it concerns, and what to say."""

    refused: Callable[[Any], bool]
    words: str


def _given(value: Any) -> bool:
    return bool(value)


def _unread(value: Any) -> bool:
    return isinstance(value, str) and is_remote(value) and scheme_of(value) not in KINDS


_NO_URLS = Missing(
    _unread,
    f"this version reads local folders and {', '.join(kind.example for kind in KINDS.values())} only; mount it and "
    "write the folder's path",
)

NOT_YET: Mapping[str, Missing] = {
    "feeds.*.path": _NO_URLS,
    "feeds.*.assets.*.path": _NO_URLS,
}
"""Key path ("*" is any feed or asset) to what is refused there."""


def not_yet(feeds: Mapping[int, Feed]) -> Iterator[Problem]:
    """Everything in these settings that this version does not do; feeds by their index in the file."""
    for path, missing in NOT_YET.items():
        for place, value in _values({"feeds": feeds}, path.split("."), ()):
            if missing.refused(value):
                yield Problem(place, missing.words)


def _values(node: Any, path: list[str], place: Place) -> Iterator[tuple[Place, Any]]:
    if not path:
        yield place, node
    elif path[0] == "*":
        for key, inner in node.items():
            yield from _values(inner, path[1:], (*place, key))
    else:
        inner = node[path[0]] if isinstance(node, Mapping) else getattr(node, path[0])
        yield from _values(inner, path[1:], (*place, path[0]))
