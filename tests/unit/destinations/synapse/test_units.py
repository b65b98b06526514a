"""Each sent unit gets one outcome from the answer, and never another unit's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.units import named, outcomes_v1, outcomes_v2
from synapse_sync.records import OutgoingUnit


def unit(number, sync_key=""):
    return OutgoingUnit(number, f"u{number}", {"image_1": (f"{number:032x}", f"{number}.png")}, {}, sync_key)


def kinds(outcomes):
    return [(outcome.kind, outcome.server_id) for outcome in outcomes]


UNMENTIONED = ("unmentioned", None)


@pytest.mark.parametrize(
    "answer", [[{"id": 10}], {"results": [{"id": 10}]}, {"id": 10}, [{"id": 10, "meta": {"sync_key": "k1"}}]]
)
def test_a_v1_answer_may_be_a_list_results_or_one_unit(answer):
    assert kinds(outcomes_v1([unit(1, "k1")], answer)) == [("created", 10)]


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"results": []}, [{"id": None}], [{"id": "10"}], [{"id": True}], ["x"], "x", [[1]], 5]
)
def test_a_v1_answer_without_the_units_id_leaves_it_unknown(answer):
    assert kinds(outcomes_v1([unit(1)], answer)) == [UNMENTIONED]


def test_without_sync_keys_fewer_rows_than_units_leave_all_unknown():
    """Nobody can say which one v1 left out."""
    assert kinds(outcomes_v1([unit(1), unit(2)], [{"id": 10}])) == [UNMENTIONED, UNMENTIONED]


def test_a_row_with_somebody_elses_sync_key_is_nobodys():
    assert kinds(outcomes_v1([unit(1, "k1")], [{"id": 10, "meta": {"sync_key": "other"}}])) == [UNMENTIONED]


def test_two_units_of_equal_content_share_a_sync_key_and_still_get_one_row_each():
    rows = [{"id": 10, "meta": {"sync_key": "k"}}, {"id": 11, "meta": {"sync_key": "k"}}]
    assert kinds(outcomes_v1([unit(1, "k"), unit(2, "k")], rows)) == [("created", 10), ("created", 11)]


@given(st.data())
def test_with_sync_keys_rows_find_their_units_in_any_order_and_dropped_ones_are_unknown(data):
    units = [unit(number, f"k{number}") for number in range(data.draw(st.integers(1, 8)))]
    kept = data.draw(st.lists(st.sampled_from(units), unique_by=lambda each: each.id))
    rows = [{"id": 100 + each.id, "meta": {"sync_key": each.sync_key}} for each in kept]
    expected = [("created", 100 + each.id) if each in kept else UNMENTIONED for each in units]
    if rows:
        assert kinds(outcomes_v1(units, rows)) == expected
    else:
        assert kinds(outcomes_v1(units, rows)) == [UNMENTIONED] * len(units)


def test_v2_results_keep_the_order_and_say_whether_the_unit_was_there_before():
    results = [{"data_unit_id": 4, "checksum": "x", "created": True}, {"data_unit_id": 2, "created": False}]
    assert kinds(outcomes_v2([unit(1), unit(2)], {"results": results})) == [("created", 4), ("reused", 2)]


@pytest.mark.parametrize("answer", [None, [], {}, {"results": [{"data_unit_id": 4}]}, {"results": "x"}])
def test_a_v2_answer_with_another_number_of_results_leaves_all_unknown(answer):
    assert kinds(outcomes_v2([unit(1), unit(2)], answer)) == [UNMENTIONED, UNMENTIONED]


def test_the_checksums_that_the_servers_words_name_are_found_in_any_case():
    sent = OutgoingUnit(1, "u", {"a": ("AB" * 16, "a"), "b": ("cd" * 20, "b"), "c": ("ab" * 16, "c")}, {}, "")
    assert named(sent, f"image: no data file with checksum {'ab' * 16}") == ("AB" * 16, "ab" * 16)
    assert named(sent, "image: too large") == ()
