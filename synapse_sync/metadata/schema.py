"""What a collection's JSON Schema says of meta (data_unit_meta_schema): what it takes, and what it refuses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
DEEPEST = 8  # references and alternatives within one another that are followed


def allows(schema: Schema | None, name: str) -> bool:
    """Whether a schema takes a key that we would add: forbidden are only those that it names no place for."""
    if schema is None or schema.get("additionalProperties", True) is not False:
        return True
    return name in schema.get("properties", {})


def rule_for(schema: Schema | None, name: str) -> Mapping[str, Any]:
    """What the schema says of one key, with references and alternatives resolved; {} where it says nothing."""
    properties = schema.get("properties") if schema is not None else None
    rule = properties.get(name) if isinstance(properties, Mapping) else None
    return _resolved(schema or {}, rule, DEEPEST)


def _resolved(schema: Schema, rule: Any, deep: int) -> Mapping[str, Any]:
    """A rule with the types of its alternatives (anyOf, oneOf, allOf) beside its own."""
    if not isinstance(rule, Mapping) or not deep:
        return {}
    if isinstance(rule.get("$ref"), str) and rule["$ref"].startswith("#/"):
        target: Any = schema
        for part in rule["$ref"][2:].split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        return _resolved(schema, target, deep - 1)
    parts = [each for word in ("anyOf", "oneOf", "allOf") for each in rule.get(word) or ()]
    if not parts:
        return rule
    inner = [_resolved(schema, each, deep - 1) for each in parts]
    types = [kind for each in (rule, *inner) for kind in _types(each)]
    enums = [option for each in inner for option in each.get("enum") or ()]
    return {**({"enum": enums} if enums and not types else {}), "type": types, **_format(inner)}


def _types(rule: Mapping[str, Any]) -> list[str]:
    types = rule.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def _format(rules: list[Mapping[str, Any]]) -> dict[str, Any]:
    formats = {each["format"] for each in rules if "format" in each}
    return {"format": formats.pop()} if len(formats) == 1 else {}


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
