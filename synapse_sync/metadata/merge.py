"""A unit's meta out of its sources, in their order: later ones win, and what they replace is kept to be shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synapse_sync.metadata.coercion import coerced
from synapse_sync.metadata.schema import allows, rule_for


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says of one unit.

    values: meta key -> (value, where it came from, in words). optional: keys that we add by ourselves; those that the
    schema has no place for are left out rather than refused.
    """

    values: Mapping[str, tuple[Any, str]]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """A unit's meta; sources says where each value came from, overruled what was replaced: key, value, source."""

    meta: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    overruled: list[dict[str, Any]] = field(default_factory=list)


FILES = ("sidecar ", "row ")  # how the sources of values that stand in files of their own are told


def kept(before: Mapping[str, Any], sources: Mapping[str, str], now: Described) -> Described:
    """What a unit that was sent has from now on: new values and changed ones; nothing that was sent is taken back.

    A value that came out of a sidecar or table stays also where that is gone and a weaker source speaks instead.
    """
    result = Described(dict(before), dict(sources), now.overruled)
    for name, value in now.meta.items():
        if not _from_file(sources.get(name, "")) or _from_file(now.sources[name]):
            result.meta[name], result.sources[name] = value, now.sources[name]
    return result


def _from_file(source: str) -> bool:
    return any(source.startswith(word) or f", {word}" in source for word in FILES)


def layer(values: Mapping[str, Any], source: str, *, optional: bool = False) -> Layer:
    """A layer whose values all come from one place."""
    return Layer({name: (value, source) for name, value in values.items()}, optional)


def merge(layers: Sequence[Layer], schema: Mapping[str, Any] | None) -> Described:
    """The layers laid over one another, each value brought to the type that the collection's schema asks for.

    A value that a later layer repeats is not overruled by it.
    """
    described = Described()
    for each in layers:
        for name, (raw, source) in each.values.items():
            if each.optional and not allows(schema, name):
                continue
            value = coerced(raw, rule_for(schema, name))
            if name in described.meta and not _same(described.meta[name], value):
                before = {"key": name, "value": described.meta[name], "source": described.sources[name]}
                described.overruled.append(before)
            described.meta[name], described.sources[name] = value, source
    return described


def _same(one: Any, other: Any) -> bool:
    """Equal values of one type: True is not 1 here."""
    return type(one) is type(other) and bool(one == other)
