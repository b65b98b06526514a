"""The meta that every unit gets by itself. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from synapse_sync.metadata.merge import Layer, layer
from synapse_sync.records import Spec

AUTOMATIC = ("data_unit_key", "origin_file_stem", "origin_file_extension")
SYNC_KEY = "sync_key"


def primary_spec(specs: Iterable[Spec], there: Iterable[str]) -> str:
    """The spec whose file names the unit's origin: the first required one that has a file, else the first."""
    have = set(there)
    ordered = sorted(specs, key=lambda spec: not spec.required)
    return next(spec.name for spec in ordered if spec.name in have)


def automatic(key: str, stem: str, extension: str) -> Layer:
    """The automatic keys; stem and extension are those of the unit's origin file (protocol §5: lowercase, with dot)."""
    return layer(dict(zip(AUTOMATIC, (key, stem, extension.lower()), strict=True)), "the unit itself", optional=True)


def sync_key(collection: int, contents: Mapping[str, str]) -> str:
    """What v1 units are found again by: sha256 over the collection and the sorted spec:checksum pairs (protocol §5)."""
    pairs = sorted(f"{spec}:{checksum}" for spec, checksum in contents.items())
    return hashlib.sha256("\n".join([str(collection), *pairs]).encode()).hexdigest()
