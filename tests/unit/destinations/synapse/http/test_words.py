"""The server's words are found in every shape of error body that protocol §2.5 knows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.http.words import LIMIT, parse, words


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "Not found."}, "Not found."),
        ({"message": "Forbidden"}, "Forbidden"),
        (["Invalid data."], "Invalid data."),
        ("Invalid data.", "Invalid data."),
        ({"name": ["This field is required."]}, "name: This field is required."),
        ({"non_field_errors": ["No units."]}, "No units."),
        ([{}, {"files": {"image_1": ["Unknown checksum."]}}], "1.files.image_1: Unknown checksum."),
        (
            {"detail": [{"loc": ["body", "checksums"], "msg": "too many", "type": "x"}]},
            "body.checksums: too many",
        ),
        (
            {"detail": "Offsets do not match", "expected_offset": 5, "provided_offset": 0},
            "Offsets do not match; expected_offset: 5; provided_offset: 0",
        ),
        ({}, "no reason given"),
        ({"detail": ""}, "no reason given"),
        ({"a": "x" * 3000}, "a: " + "x" * 1996 + "…"),
        ({"detail": "two\nlines"}, "two lines"),
    ],
)
def test_v1_and_fastapi_bodies(body, said):
    assert words(body) == said


def test_a_v2_body_gives_message_details_and_the_request_id_without_the_code():
    body = {
        "error": {
            "code": "VALIDATION_ERROR",
            "message": "Invalid input.",
            "details": [{"field": "units.0.files", "message": "Required spec missing."}],
        },
        "meta": {"request_id": "req_1"},
    }
    assert words(body) == "Invalid input.; units.0.files: Required spec missing. (request req_1)"
    assert words({"error": {"code": "GONE", "message": None, "details": None}}) == "no reason given"
    assert words({"error": {"code": "GONE"}}) == "code: GONE"


def test_what_is_no_json_has_no_value():
    assert parse(b"<html>") is None
    assert parse(b"") is None
    assert parse(b"\xff\xfe") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "detail", "loc", "msg", "field"]), inner),
)


@given(JSON)
def test_any_json_gives_one_line_of_bounded_length(body):
    said = words(json.loads(json.dumps(body)))
    assert said
    assert len(said.splitlines()) == 1
    assert len(said) <= LIMIT


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"detail":', "}"), ('{"a":', "}")])
def test_an_answer_nested_beyond_reason_says_nothing_and_breaks_nothing(opening: str, closing: str) -> None:
    for depth in (100, 100_000):
        body = (opening * depth + '"x"' + closing * depth).encode()
        value = parse(body)
        assert value is None or words(value) == "no reason given"
