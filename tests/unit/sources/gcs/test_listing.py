"""Pages: an answer that is none, or a listing that breaks off, never looks like an empty or a shorter bucket."""

from __future__ import annotations

from typing import Any

import pytest

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources.gcs.listing import pages, pieces

KIND = {"kind": "storage#objects"}


def item(name: Any, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "size": "1",
        "generation": "1795615702316149",
        "timeCreated": "2026-03-01T12:00:00.25Z",
    } | more


def listed(*answers: dict[str, Any], recursive: bool = True) -> list[dict[str, str | int]]:
    """The questions that were asked."""
    left, asked = list(answers), []

    def ask(question: dict[str, str | int]) -> dict[str, Any]:
        asked.append(dict(question))
        return left.pop(0)

    for page in pages(ask, "in/", recursive=recursive):
        list(pieces(page, "in/"))
    return asked


@pytest.mark.parametrize(
    "answers",
    [
        [{}],
        [{"kind": "storage#object"}],
        [{"error": {"code": 500}}],
        [{**KIND, "nextPageToken": "1"}, {}],
        [{**KIND, "nextPageToken": "1"}, {**KIND, "nextPageToken": "1"}],
        [{**KIND, "items": 1}],
        [{**KIND, "items": [1]}],
        [{**KIND, "items": [{"name": "in/a"}]}],
        [{**KIND, "items": [item(None)]}],
        [{**KIND, "items": [item("in/a", size="x")]}],
        [{**KIND, "items": [item("in/a", generation="")]}],
        [{**KIND, "items": [item("in/a", timeCreated="then")]}],
    ],
)
def test_what_is_no_page_and_a_listing_without_an_end_raise(answers: list[dict[str, Any]]) -> None:
    with pytest.raises(SourceUnavailable):
        listed(*answers)


def test_each_page_is_asked_for_with_the_token_of_the_one_before_and_for_no_more_than_is_needed() -> None:
    asked = listed({**KIND, "nextPageToken": "1"}, {**KIND, "nextPageToken": "2"}, KIND)
    assert [question.get("pageToken") for question in asked] == [None, "1", "2"]
    (question,) = listed(KIND, recursive=False)
    assert question == {
        "prefix": "in/",
        "delimiter": "/",
        "maxResults": 1000,
        "fields": "kind,nextPageToken,items(name,size,generation,md5Hash,timeCreated)",
    }


def test_a_page_is_pieces_of_directories_with_what_the_service_says_of_each_object() -> None:
    (told, *found) = pieces({"items": [item("in/a/c"), item("in/a/x"), item("in/b"), item("in//c")]}, "in/")
    assert isinstance(told, Untakeable)
    directories = {piece.path: piece.files for piece in found if isinstance(piece, Directory)}
    assert {path: set(files) for path, files in directories.items()} == {b"": {b"b"}, b"a": {b"c", b"x"}}
    assert directories[b""][b"b"] == Observation(1, 1_772_366_400_250_000_000, 0, "1795615702316149")
