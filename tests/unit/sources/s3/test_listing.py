"""Pages: an answer that is none, or a listing that breaks off, never looks like an empty or a shorter bucket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources.s3.listing import decoded, pages, pieces

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def item(key: str, size: int = 1, **more: Any) -> dict[str, Any]:
    return {"Key": key, "Size": size, "LastModified": MOMENT, "ETag": '"e"', **more}


def answering(*answers: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    left = list(answers)
    return lambda **_question: left.pop(0)


def listed(*answers: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pages(answering(*answers), "bucket", "", recursive=True))


@pytest.mark.parametrize(
    "answers",
    [
        [{}],
        [{"ResponseMetadata": {"HTTPStatusCode": 200}}],
        [{"IsTruncated": True}],
        [{"IsTruncated": True, "NextContinuationToken": ""}],
        [{"IsTruncated": True, "NextContinuationToken": "1"}, {}],
        [{"IsTruncated": True, "NextContinuationToken": "1"}, {"IsTruncated": True, "NextContinuationToken": "1"}],
    ],
)
def test_what_is_no_page_and_a_listing_without_an_end_raise(answers: list[dict[str, Any]]) -> None:
    with pytest.raises(SourceUnavailable):
        listed(*answers)


def test_numbers_and_times_that_are_none_and_keys_without_them_are_no_listing() -> None:
    def ask(**_question: Any) -> dict[str, Any]:
        raise ValueError("Invalid timestamp")  # as botocore does it

    with pytest.raises(SourceUnavailable):
        list(pages(ask, "bucket", "", recursive=True))
    with pytest.raises(SourceUnavailable):
        list(pieces({"IsTruncated": False, "Contents": [{"Key": "a"}]}, ""))


def test_each_page_is_asked_for_with_the_token_of_the_one_before() -> None:
    asked: list[str] = []

    def ask(**question: Any) -> dict[str, Any]:
        asked.append(question.get("ContinuationToken", ""))
        return {"IsTruncated": len(asked) < 3, "NextContinuationToken": str(len(asked))}

    assert len(list(pages(ask, "bucket", "", recursive=True))) == 3
    assert asked == ["", "1", "2"]


def test_a_page_is_pieces_of_directories_whatever_the_order_of_its_keys() -> None:
    page = {"Contents": [item("in/b"), item("in/a/x"), item("in/a-b"), item("in/a/c"), item("in/a/"), item("in/..")]}
    (told, *found) = pieces(page, "in/")
    assert isinstance(told, Untakeable)
    directories = [piece for piece in found if isinstance(piece, Directory)]
    assert {piece.path: set(piece.files) for piece in directories} == {b"": {b"b", b"a-b"}, b"a": {b"x", b"c"}}
    assert not any(piece.whole for piece in directories)


def test_what_the_service_says_of_an_object_is_its_observation() -> None:
    (piece,) = pieces({"Contents": [item("a", 5)]}, "")
    assert isinstance(piece, Directory)
    since = int(MOMENT.timestamp() * 1000) * 1_000_000
    assert piece.files == {b"a": Observation(5, since, 0, '"e"')}


def test_a_service_that_ignores_the_prefix_is_told_and_its_other_keys_left_alone() -> None:
    (told,) = pieces({"Contents": [item("elsewhere/a")]}, "in/")
    assert isinstance(told, Untakeable)
    assert "outside of the prefix" in told.reason


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_key_comes_back_from_its_listing_whichever_way_the_server_encodes_blanks(key: str) -> None:
    assert decoded(quote(key, safe="/"), encoded=True) == key.encode()
    assert decoded(quote_plus(key, safe="/"), encoded=True) == key.encode()
    assert decoded(key, encoded=False) == key.encode()
