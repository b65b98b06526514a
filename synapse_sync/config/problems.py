"""What is wrong with a configuration, in words a person can act on: pydantic's findings, translated. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from synapse_sync.config.model import Config
from synapse_sync.config.places import Place
from synapse_sync.config.section import Section

_SECRETS = {"token", "access_token", "api_token", "user_token", "api_key", "secret", "password"}

_KEYS = {
    *("key", "secret", "access_key", "access_key_id", "secret_key", "secret_access_key", "session_token", "password"),
    *("passphrase", "key_passphrase", "private_key"),
    *("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "token"),
}

_TYPES = {
    "string_type": "must be text in quotes",
    "is_instance_of": "must be text in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list in [brackets]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


class Problem(NamedTuple):
    """One mistake: its place in the file, and what is wrong with it."""

    place: Place
    text: str


def translated(error: ValidationError) -> list[Problem]:
    """Every finding of pydantic as a Problem. Values of unknown keys are never repeated: they may be secrets."""
    return [Problem(found["loc"], _words(found["loc"], found)) for found in error.errors(include_url=False)]


def _words(place: Place, found: Any) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(place)
    if kind == "missing":
        return f"is missing; add a line like: {place[-1]} = {_example(place)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        expected = context["expected"].replace("'", '"')
        return f"must be {expected}, not {json.dumps(found['input'], ensure_ascii=False, default=str)}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be at least {context['ge']}" if "ge" in context else f"must be at most {context['le']}"
    if place == ("feeds",):
        return "must be written [[feeds]], with two brackets on each side"
    return _TYPES.get(kind) or str(found["msg"])


def _unknown(place: Place) -> str:
    key = str(place[-1])
    if "remote" in place[:-1] and key.lower() in _KEYS:
        return (
            "no secret stands in this file; for s3:// keep it in ~/.aws/credentials (and name its profile), or name "
            "the environment variables that hold it with access_key_env and secret_key_env; for az:// with "
            "account_key_env or sas_token_env; for gs:// name a credentials_file; else a variable with password_env"
        )
    if key.lower() in _SECRETS:
        return "no secret stands in this file; store the token with `synapse-sync login`, or name an access_token_file"
    section = _section_at(place[:-1])
    name = key.lower().replace("-", "_")
    elsewhere = [header for header, other in _sections(Config, "") if header and name in other.model_fields]
    if elsewhere and name not in section.model_fields:
        return f"unknown key here; '{name}' belongs in {' or '.join(elsewhere)}"
    near = difflib.get_close_matches(name, section.model_fields, n=1)
    if near:
        return f"unknown key; did you mean '{near[0]}'?"
    return f"unknown key; known are {', '.join(section.model_fields)}"


def _example(place: Place) -> str:
    field = _section_at(place[:-1]).model_fields[str(place[-1])]
    return json.dumps((field.examples or [""])[0])


def _section_at(place: Place) -> type[Section]:
    """The model of the table at a place; keys that a person chose (assets.SPEC) and indexes lead no further."""
    section: type[Section] = Config
    for above, part in zip(("", *place), place, strict=False):
        field = None if above == "assets" else section.model_fields.get(str(part))  # else a SPEC may be called "remote"
        section = (_section_in(field.annotation) if field else None) or section
    return section


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section_in(inner))), None)


def _sections(section: type[Section], name: str) -> Iterator[tuple[str, type[Section]]]:
    """Every table of the file with the header that opens it."""
    yield (f"[[{name}]]" if name == "feeds" else f"[{name}]" if name else ""), section
    for key, field in section.model_fields.items():
        inner = _section_in(field.annotation)
        if inner is not None and key != "rules":
            below = f"{name}.{key}" if name else key
            yield from _sections(inner, f"{below}.SPEC" if key == "assets" else below)
