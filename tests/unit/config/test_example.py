"""config.example.toml works as it is, names every setting, and shows the defaults that hold."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from synapse_sync.config import Config, load, loads
from synapse_sync.config.section import Section
from synapse_sync.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
SHOWS_AN_EXAMPLE = {
    "server.access_token_file",
    "server.ca_bundle",
    "feeds.include",
    "feeds.exclude",
    "feeds.project",
    "feeds.max_units_per_run",
    "feeds.metadata.missing_row",
    "upload.bandwidth_limit",
    "upload.max_file_size",
    "upload.spool",
    "ledger.path",
}
"""Settings without a default that could be written."""


def sections(section: type[Section] = Config) -> Iterator[type[Section]]:
    yield section
    for field in section.model_fields.values():
        annotations = [field.annotation]
        while annotations:
            annotation = annotations.pop()
            annotations += get_args(annotation)
            if isinstance(annotation, type) and issubclass(annotation, Section):
                yield from sections(annotation)


def flat(node: Any, path: str = "") -> dict[str, Any]:
    if isinstance(node, dict) and node and path != "feeds.metadata.values":
        return {
            key: value
            for name, inner in node.items()
            for key, value in flat(inner, f"{path}.{name}".strip(".")).items()
        }
    return {path: node}


def test_the_example_works_as_it_is() -> None:
    config = load(EXAMPLE)
    assert [feed.name for feed in config.feeds] == ["scans"]
    assert config.warnings == []


def test_everything_that_must_be_filled_in_stands_in_the_first_ten_lines_that_are_no_comments() -> None:
    real = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    config = loads("\n".join(real[:6]), EXAMPLE)
    assert config.feeds[0].model_dump() == load(EXAMPLE).feeds[0].model_dump()


@pytest.mark.parametrize("section", dict.fromkeys(sections()), ids=lambda section: section.__name__)
def test_every_setting_is_mentioned(section: type[Section]) -> None:
    missing = [key for key in section.model_fields if not re.search(rf"\b{key}\b", TEXT)]
    assert missing == []


def test_every_setting_behind_a_comment_sign_is_valid_and_shows_its_default() -> None:
    uncommented = re.sub(r"^#(?=\w)", "", TEXT, flags=re.MULTILINE)
    shown = tomllib.loads(uncommented)
    config = loads(uncommented, EXAMPLE)
    defaults = load(EXAMPLE).model_dump(mode="json")
    flat_shown = flat(shown | {"feeds": shown["feeds"][0]})
    flat_defaults = flat(defaults | {"feeds": defaults["feeds"][0]})
    assert len(config.feeds) == 1
    assert {key: value for key, value in flat_shown.items() if flat_defaults[key] != value}.keys() == SHOWS_AN_EXAMPLE


def test_the_assets_of_the_example_are_valid_once_they_replace_the_path() -> None:
    block = TEXT[TEXT.index("# [feeds.assets.image_1]") : TEXT.index("# Files in S3")]
    assets = re.sub(r"^# ?", "", block, flags=re.MULTILINE)
    head = '[[feeds]]\nname = "scans"\ndata_collection = 1\n'
    assert set(loads(head + assets, EXAMPLE).feeds[0].assets) == {"image_1", "label_1"}
    with pytest.raises(ConfigError, match="has a problem"):
        loads(head + 'path = "/srv/nas"\n' + assets, EXAMPLE)
