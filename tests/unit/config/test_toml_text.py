"""Writing TOML: whatever is written reads back as the same."""

from __future__ import annotations

import math
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config.toml_text import toml_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, min_size=1, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_every_table_reads_back_as_it_was(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(table)) == table


def test_what_toml_does_not_have_is_left_out() -> None:
    assert tomllib.loads(toml_text({"a": None, "b": {"c": None, "d": 1}, "e": {}})) == {"b": {"d": 1}}
    assert math.isnan(tomllib.loads(toml_text({"n": math.nan}))["n"])


def test_plain_values_stand_before_tables_and_tables_have_headers() -> None:
    table = {"feeds": [{"name": "a", "grouping": {"by": "stem"}}, {"name": "b"}], "log": {"x": 2}, "y": 1}
    assert toml_text(table) == (
        'y = 1\n\n[[feeds]]\nname = "a"\n\n[feeds.grouping]\nby = "stem"\n\n[[feeds]]\nname = "b"\n\n[log]\nx = 2\n'
    )
