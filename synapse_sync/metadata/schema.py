"""What a collection's JSON Schema says of meta (data_unit_meta_schema): what it takes, and what it refuses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def allows(schema: Schema | None, name: str) -> bool:
    """Whether a schema takes a key that we would add: forbidden are only those that it names no place for."""
    if schema is None or schema.get("additionalProperties", True) is not False:
        return True
    return name in schema.get("properties", {})


def rule_for(schema: Schema | None, name: str) -> Mapping[str, Any]:
    """What the schema says of one key; {} where it says nothing."""
    properties = schema.get("properties") if schema is not None else None
    rule = properties.get(name) if isinstance(properties, Mapping) else None
    return rule if isinstance(rule, Mapping) else {}


def violations(meta: Mapping[str, Any], schema: Schema | None, sources: Mapping[str, str]) -> list[str]:
    """Each rule of the schema that the meta breaks: the place, the value, where it came from. Empty if it is valid."""
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
    return [_in_words([str(part) for part in error.path], error.message, sources) for error in errors]


def _in_words(place: list[str], message: str, sources: Mapping[str, str]) -> str:
    source = sources.get(place[0], "") if place else ""
    return f"{'.'.join(place) or 'meta'}: {message}" + (f" (from {source})" if source else "")
