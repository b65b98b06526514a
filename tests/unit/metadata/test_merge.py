"""Later sources win; where each value came from, and what it replaced, stays known."""

from synapse_sync.metadata.automatic import automatic
from synapse_sync.metadata.merge import layer, merge
from synapse_sync.metadata.schema import violations

STRICT = {"properties": {"age": {"type": "integer"}, "data_unit_key": {}}, "additionalProperties": False}


def test_later_layers_win_and_what_they_replace_is_kept() -> None:
    described = merge([layer({"age": 1, "site": "Seoul"}, "config"), layer({"age": 2}, "row 5")], None)
    assert described.meta == {"age": 2, "site": "Seoul"}
    assert described.sources == {"age": "row 5", "site": "config"}
    assert described.overruled == [{"key": "age", "value": 1, "source": "config"}]


def test_a_value_that_is_repeated_is_not_overruled() -> None:
    described = merge([layer({"age": 45}, "config"), layer({"age": "45"}, "row 5")], STRICT)
    assert (described.meta, described.sources) == ({"age": 45}, {"age": "row 5"})
    assert described.overruled == []


def test_one_and_true_are_different_values() -> None:
    assert merge([layer({"age": 1}, "config"), layer({"age": True}, "row 5")], None).overruled != []


def test_what_we_add_ourselves_is_left_out_where_the_schema_has_no_place_for_it() -> None:
    described = merge([automatic("p1", "a", ".PNG"), layer({"site": "Seoul"}, "key", optional=True)], STRICT)
    assert described.meta == {"data_unit_key": "p1"}


def test_every_broken_rule_is_told_with_its_value_and_source() -> None:
    described = merge([layer({"age": "old", "name": "x"}, "meta.csv, row 3")], STRICT)
    assert sorted(violations(described.meta, STRICT, described.sources)) == [
        "age: 'old' is not of type 'integer' (from meta.csv, row 3)",
        "meta: Additional properties are not allowed ('name' was unexpected)",
    ]
    assert violations({"age": 1}, STRICT, {}) == []
    assert violations({"age": "any"}, None, {}) == []
