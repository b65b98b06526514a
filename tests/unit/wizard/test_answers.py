"""How answers are read, and the names that are proposed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config.feed import check_name
from synapse_sync.wizard.answers import new_name, number, proposed_name, yes_or_no


def test_numbers() -> None:
    assert number("42") == 42
    for text in ("", "0", "-1", "4.2", "x", "²", "٤٢"):
        with pytest.raises(ValueError, match="is no number"):
            number(text)


def test_yes_and_no() -> None:
    assert [yes_or_no(text) for text in ("y", "Yes", " n ", "NO")] == [True, True, False, False]
    with pytest.raises(ValueError, match="neither y"):
        yes_or_no("maybe")


def test_a_name_is_valid_and_free() -> None:
    assert new_name(" scans ", {"labels"}) == "scans"
    with pytest.raises(ValueError, match="the name of a feed already: labels, scans"):
        new_name("scans", {"scans", "labels"})
    with pytest.raises(ValueError, match="FEED:UNIT_KEY"):
        new_name("a:b", set())


def test_a_folder_gives_its_name() -> None:
    assert proposed_name("/volume1/스캔", set()) == "스캔"
    assert proposed_name("/volume1/scans", {"scans", "scans-2"}) == "scans-3"
    assert proposed_name("/", set()) == "files"


@given(st.text(), st.sets(st.text(max_size=3)))
def test_a_proposed_name_can_be_used(folder: str, taken: set[str]) -> None:
    name = proposed_name(f"/srv/{folder}", taken)

    assert check_name(name) == name
    assert name not in taken
