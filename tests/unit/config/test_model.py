"""The model as a whole: its JSON Schema for editors, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from synapse_sync.config import Config, Server


def test_every_setting_has_a_description_and_every_value_an_example() -> None:
    schema = Config.model_json_schema()
    tables = {"Config": schema, **schema["$defs"]}
    for name, table in tables.items():
        assert table["description"], name
        for key, field in table["properties"].items():
            is_table = "$ref" in str(field)
            assert is_table or (field["description"] and field["examples"]), f"{name}.{key}"


def test_every_example_and_default_is_valid() -> None:
    schema = Config.model_json_schema()
    for table in (schema, *schema["$defs"].values()):
        for field in table["properties"].values():
            validator = jsonschema.Draft202012Validator({**field, "$defs": schema["$defs"]})
            for value in (*field.get("examples", ()), *([field["default"]] if "default" in field else ())):
                validator.validate(value)


@pytest.mark.parametrize(
    ("settings", "valid"),
    [
        ({"feeds": [{"name": "a", "data_collection": 1, "path": "/a", "settle": "30s"}]}, True),
        ({"feeds": [{"name": "a", "data_collection": 1, "path": "/a", "settle": 30}]}, False),
        ({"feeds": [{"name": "a", "data_collection": 1, "setle": "30s"}]}, False),
        ({"feeds": [{"name": "a"}]}, False),
        ({"upload": {"workers": 4, "chunk_size": "50MiB", "bandwidth_limit": "20MB/s"}}, True),
        ({"upload": {"workers": 0}}, False),
        ({"upload": {"chunk_size": "50M"}}, False),
    ],
)
def test_the_schema_tells_right_from_wrong(settings: dict[str, Any], valid: bool) -> None:
    assert jsonschema.Draft202012Validator(Config.model_json_schema()).is_valid(settings) is valid


def test_a_configuration_cannot_be_changed_once_it_is_loaded() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Server().url = "https://other.example.org"


def test_importing_the_configuration_imports_neither_network_nor_command_line() -> None:
    heavy = ["requests", "typer", "rich", "pathspec", "sqlite3", "fastapi"]
    code = f"import sys, synapse_sync.config; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
