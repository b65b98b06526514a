"""Values take the type that a schema asks for only where that is beyond doubt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.metadata.coercion import coerced

INTEGER, NUMBER, BOOLEAN, STRING = ({"type": kind} for kind in ("integer", "number", "boolean", "string"))
DATE = {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        ("45", INTEGER, 45),
        (" +45 ", INTEGER, 45),
        ("45.0", INTEGER, 45),
        (45.0, INTEGER, 45),
        ("4.5", INTEGER, "4.5"),
        ("4,500", INTEGER, "4,500"),
        ("0x10", INTEGER, "0x10"),
        ("", INTEGER, ""),
        (True, INTEGER, True),
        ("4.5", NUMBER, 4.5),
        ("-1e3", NUMBER, -1000.0),
        ("45", NUMBER, 45),
        ("nan", NUMBER, "nan"),
        ("1e999", NUMBER, "1e999"),
        ("Yes", BOOLEAN, True),
        ("아니오", BOOLEAN, False),
        ("예", BOOLEAN, True),
        ("1", BOOLEAN, "1"),
        (1, BOOLEAN, 1),
        (42, STRING, "42"),
        (42.0, STRING, "42"),
        (4.5, STRING, "4.5"),
        (True, STRING, True),
        ("0042", STRING, "0042"),
        ("0042", {}, "0042"),
        ("45", {"type": ["string", "integer"]}, "45"),
        ("45", {"type": ["integer", "null"]}, 45),
        (None, {"type": ["integer", "null"]}, None),
        ("2024/1/5", DATE, "2024-01-05"),
        ("2024. 1. 5.", DATE, "2024-01-05"),
        ("20240105", DATE, "2024-01-05"),
        ("05/01/2024", DATE, "05/01/2024"),
        ("2024-02-31", DATE, "2024-02-31"),
        ("ct", {"enum": ["CT", "MR"]}, "CT"),
        ("3", {"enum": [1, 2, 3]}, 3),
        ("a", {"enum": ["A", "a "]}, "a"),
        ("x", {"enum": ["CT", "MR"]}, "x"),
        ([1], STRING, [1]),
    ],
)
def test_values_meet_their_rules(value: Any, rule: dict[str, Any], expected: Any) -> None:
    result = coerced(value, rule)
    assert (result, type(result)) == (expected, type(expected))


@given(st.integers(-(10**29), 10**29), st.sampled_from([INTEGER, NUMBER]))
def test_every_integer_survives_as_text(number: int, rule: dict[str, Any]) -> None:
    assert coerced(str(number), rule) == number


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()), st.sampled_from([{}, STRING, DATE]))
def test_nothing_is_raised_and_text_stays_text(value: Any, rule: dict[str, Any]) -> None:
    if isinstance(value, str):
        assert isinstance(coerced(value, rule), str)
    else:
        coerced(value, rule)
