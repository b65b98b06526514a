"""The meta that every unit gets, merged with what the feed adds, as far as the collection's schema allows. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from synapse_sync.records import Spec

AUTOMATIC = ("data_unit_key", "origin_file_stem", "origin_file_extension")
SYNC_KEY = "sync_key"


def primary_file(specs: Iterable[Spec], paths: Mapping[str, str]) -> str:
    """The path that names the unit's origin: that of the first required spec that has a file, else of the first."""
    ordered = sorted(specs, key=lambda spec: not spec.required)
    return next(paths[spec.name] for spec in ordered if spec.name in paths)


def merge(
    key: str, stem: str, extension: str, values: Mapping[str, Any], schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The unit's meta: automatic keys where the schema takes them, then the feed's own values, which win.

    stem and extension are those of the unit's origin file; the extension is lowercase with its dot (protocol §5).
    """
    automatic = dict(zip(AUTOMATIC, (key, stem, extension.lower()), strict=True))
    return {name: value for name, value in automatic.items() if allows(schema, name)} | dict(values)


def allows(schema: Mapping[str, Any] | None, name: str) -> bool:
    """Whether a schema takes a key that we would add: forbidden are only those that it names no place for."""
    if schema is None or schema.get("additionalProperties", True) is not False:
        return True
    return name in schema.get("properties", {})


def violations(meta: Mapping[str, Any], schema: Mapping[str, Any] | None) -> list[str]:
    """Each rule of the collection's JSON Schema that the meta breaks, in words with its place; empty if it is valid."""
    if schema is None:
        return []
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY  # nothing is ever fetched from the network
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema)
    try:
        kind.check_schema(dict(schema))
        errors = sorted(kind(schema, registry=REGISTRY).iter_errors(meta), key=lambda error: list(map(str, error.path)))
    except SchemaError as error:
        return [f"the collection's schema is no valid JSON Schema: {error.message}"]
    except Unresolvable as error:
        return [f"the collection's schema refers to {error.ref}, which it does not have"]
    return [f"{'.'.join(map(str, error.path)) or 'meta'}: {error.message}" for error in errors]


def sync_key(collection: int, contents: Mapping[str, str]) -> str:
    """What v1 units are found again by: sha256 over the collection and the sorted spec:checksum pairs (protocol §5)."""
    pairs = sorted(f"{spec}:{checksum}" for spec, checksum in contents.items())
    return hashlib.sha256("\n".join([str(collection), *pairs]).encode()).hexdigest()
