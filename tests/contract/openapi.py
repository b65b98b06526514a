"""Synapse's published v2 API description, as a judge of requests and answers; knows nothing of pytest.

    validate_request("POST", "/v2/data-units/bulk-create/", body)
    validate_response("POST", "/v2/data-units/bulk-create/", 201, body)

Both return nothing and raise Mismatch with the reason. The description is the `openapi.yaml` inside the `synapse-sdk`
package (OpenAPI 3.0.3); $SYNAPSE_SYNC_OPENAPI may name a copy of it where the SDK itself can't be installed.
"""

from __future__ import annotations

import importlib.util
import os
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_NAMED = os.environ.get("SYNAPSE_SYNC_OPENAPI", "")
_NAME = "urn:openapi"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a safe one, in C if there is: a megabyte takes seconds


class Mismatch(AssertionError):
    """A request or an answer is not what the API description says."""


def description_file() -> Path | None:
    """Where the description lies on this machine; None where it is not to be had."""
    if _NAMED:
        return Path(_NAMED)
    package = importlib.util.find_spec("synapse_sdk")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0], "clients", "backend_v2", "schema", "openapi.yaml")


MISSING = (
    "NOT TESTED against the published v2 API: there is no openapi.yaml. Install synapse-sdk==2026.2.17 with --no-deps "
    "(Python 3.12 or newer), or name the file with SYNAPSE_SYNC_OPENAPI"
)
"""What a test says when it can't use this module because `description_file()` is None."""


@cache
def description() -> dict[str, Any]:
    """The whole description, as it was published. Raises Mismatch where it is not to be had."""
    file = description_file()
    if file is None:
        raise Mismatch(MISSING)
    with open(file, encoding="utf-8") as stream:
        loaded: dict[str, Any] = yaml.load(stream, Loader=_LOADER)
    return loaded


def validate_request(method: str, path: str, body: object = None) -> None:
    """Check a request: the operation is there, it has the query's parameters, and the body has no field too many."""
    parts = urlsplit(path)
    operation = _operation(method, parts.path)
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    for name, _ in parse_qsl(parts.query):
        if name not in known:
            raise Mismatch(f"{method} {parts.path} has no query parameter {name!r}, only {sorted(known)}")
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        if body is not None and method != "POST":
            raise Mismatch(f"{method} {parts.path} takes no body")
        return
    _check(schema, body, f"request of {method} {parts.path}", strict=True)


def validate_response(method: str, path: str, status: int, body: object = None) -> None:
    """Check an answer; successes may come in the {"data", "meta"} envelope, which the schemas leave out."""
    where = f"{status} of {method} {urlsplit(path).path}"
    responses = _operation(method, urlsplit(path).path)["responses"]
    if str(status) not in responses:
        raise Mismatch(f"{where}: only {', '.join(responses)} are described")
    content = responses[str(status)].get("content")
    if status == 204:
        if body not in (None, b"", ""):
            raise Mismatch(f"{where}: there must be no body")
        return
    if status >= 400:
        # 401, 403 and 404 are described in words only; the error envelope is that of 400.
        content = content or responses["400"]["content"]
        if not isinstance(body, dict) or body.keys() != {"error", "meta"}:
            raise Mismatch(f"{where}: an error must have `error` and `meta`, not {body!r}")
    elif isinstance(body, dict) and body.keys() == {"data", "meta"}:
        if not body["meta"].get("request_id"):
            raise Mismatch(f"{where}: the envelope has no request_id")
        body = _unwrapped(body, where)
    if content is not None:
        _check(content["application/json"]["schema"], body, where, strict=False)


def _unwrapped(body: dict[str, Any], where: str) -> object:
    if not isinstance(body["data"], list):
        return body["data"]
    pagination = body["meta"].get("pagination")
    if pagination is not None and not {"next_cursor", "previous_cursor", "per_page"} <= pagination.keys():
        raise Mismatch(f"{where}: incomplete pagination {pagination}")
    cursors = pagination or {}
    return {
        "results": body["data"],
        "next": cursors.get("next_cursor"),
        "previous": cursors.get("previous_cursor"),
    }


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Every path as a pattern, those with fewer parameters first: `bulk-create` is no id."""
    ordered = sorted(description()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operations) for path, operations in ordered]


def _operation(method: str, path: str) -> dict[str, Any]:
    for pattern, operations in _paths():
        if pattern.fullmatch(path):
            if method.lower() not in operations:
                raise Mismatch(f"{path} has no {method}")
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise Mismatch(f"there is no path {path}")


def _check(schema: dict[str, Any], body: object, where: str, *, strict: bool) -> None:
    root = {"$ref": f"{_NAME}{schema['$ref']}"} if "$ref" in schema else _normal(schema, strict=strict)
    validator = Draft202012Validator(root, registry=_registry(strict), format_checker=_formats())
    problems = [
        f"{'.'.join(map(str, error.absolute_path)) or 'body'}: {error.message}" for error in validator.iter_errors(body)
    ]
    if problems:
        raise Mismatch(f"{where}: " + "; ".join(problems[:5]))


@cache
def _registry(strict: bool) -> Registry[Any]:
    document = {"components": _normal(description()["components"], strict=strict)}
    return Registry().with_resource(_NAME, Resource(contents=document, specification=DRAFT202012))


def _normal(schema: Any, *, strict: bool) -> Any:
    """An OpenAPI 3.0 schema in JSON Schema's words: `nullable` becomes a null beside what else is allowed.

    Strict means that an object takes no other properties than those it names.
    """
    if isinstance(schema, list):
        return [_normal(item, strict=strict) for item in schema]
    if not isinstance(schema, dict):
        return schema
    normal = {key: _normal(value, strict=strict) for key, value in schema.items() if key not in ("example", "examples")}
    if isinstance(normal.get("$ref"), str):
        return {"$ref": f"{_NAME}{normal['$ref']}"}
    if strict and isinstance(normal.get("properties"), dict) and normal.get("type") == "object":
        normal.setdefault("additionalProperties", False)
    if normal.pop("nullable", None) is True:
        return {"anyOf": [normal, {"type": "null"}]}
    return normal


@cache
def _formats() -> FormatChecker:
    """The formats that the description uses and that jsonschema leaves unchecked without further packages."""
    checker = FormatChecker(formats=())

    @checker.checks("date-time", raises=ValueError)
    def _(value: object) -> bool:
        return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None

    @checker.checks("uri", raises=ValueError)
    def _(value: object) -> bool:
        return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)

    @checker.checks("email")
    def _(value: object) -> bool:
        return not isinstance(value, str) or value.count("@") == 1

    return checker
