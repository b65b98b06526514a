"""v2: the schema of file specifications, which is where v2 tells a file type's extensions (protocol §2.2, §5)."""

from __future__ import annotations

from fastapi import Request, Response

from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer_v2
from synapse_sync.devserver.filetypes import EXTENSIONS, FUNCTION_TYPES


async def file_specification_schema(backend: Backend, request: Request) -> Response:
    """GET v2/schemas/file-specifications/?category=…: spec templates and the extensions of each file type."""
    category = request.query_params.get("category")
    if category and category not in EXTENSIONS:
        raise Refused(400, "Invalid input.", problems=[("category", f"{category!r} is no category")])
    chosen = [category] if category else list(EXTENSIONS)
    templates = {
        name: {
            "file_type": name,
            "extensions": list(EXTENSIONS[name]),
            "is_sequential": False,
            "is_required": True,
            "is_primary": True,
            "function_type": "main",
        }
        for name in chosen
    }
    body = {
        "categories": {name: {"file_specifications": {name: templates[name]}, "subsets": {}} for name in chosen},
        "file_types": {name: {"extensions": list(EXTENSIONS[name])} for name in chosen},
        "function_types": list(FUNCTION_TYPES),
        "validation_rules": {"naming": {"pattern": "{spec_key}_{index}"}},
        "payload_schema": {"required_fields": ["name", "category", "file_specifications"]},
    }
    return answer_v2(backend, body)


TABLE = (("GET", "/v2/schemas/file-specifications/", file_specification_schema),)
