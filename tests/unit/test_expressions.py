"""Expressions are searched in linear time, and a bad one is told with its place."""

import pytest

from synapse_sync.expressions import Expression


def test_a_match_gives_its_groups_by_name_and_in_order() -> None:
    found = Expression(r"(?P<site>[^/]+)/(P\d+)(?:_(?P<visit>v\d))?").find("raw/서울/P12_v3.png")
    assert found is not None
    assert (found.whole, found.parts, found.named) == (
        "서울/P12_v3",
        ("서울", "P12", "v3"),
        {"site": "서울", "visit": "v3"},
    )


def test_a_group_that_took_no_part_is_left_out() -> None:
    found = Expression(r"(?P<a>x)|(?P<b>y)").find("y")
    assert found is not None
    assert (found.parts, found.named) == (("y",), {"b": "y"})
    assert Expression("x").find("y") is None


def test_names_are_known_before_anything_is_searched() -> None:
    assert Expression(r"(?P<site>.)(.)(?P<day>.)").names == ("site", "day")


@pytest.mark.parametrize(
    ("text", "what", "character"),
    [
        ("(?P<site>[^/]+", "missing ), unterminated subpattern", 1),
        ("P(\\d+", "missing ), unterminated subpattern", 2),
        ("[z-a]", "bad character range z-a", 2),
        ("a**b*", "multiple repeat", 3),
        ("ab(?=c)", "look-around is not supported", 3),
        (r"(a)\1", r"\1 is not supported", 4),
    ],
)
def test_a_bad_expression_is_told_with_its_place(text: str, what: str, character: int) -> None:
    with pytest.raises(ValueError, match="is no regular expression") as refused:
        Expression(text)
    assert what in str(refused.value)
    assert str(refused.value).endswith(f"at character {character}")


def test_what_would_take_python_for_ever_ends() -> None:
    assert Expression("(a+)+$").find("a" * 100_000 + "b") is None
