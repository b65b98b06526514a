"""What a feed says about itself: its folders, and the fingerprint of the settings that decide."""

from __future__ import annotations

from typing import Any

import pytest

from synapse_sync.config import AssetRoot, Feed

PLAIN: dict[str, Any] = {"name": "scans", "data_collection": 1, "path": "/srv/scans"}

DECIDING: dict[str, Any] = {
    "data_collection": 2,
    "project": 7,
    "path": "/srv/others",
    "storage": {"storage": 3, "path": "scans"},
    "recursive": False,
    "follow_symlinks": True,
    "include": ["*.png"],
    "exclude": ["old/"],
    "wait_optional": "6m",
    "incomplete_after": "2d",
    "duplicates": "hold",
    "on_change": "ignore",
    "late_files": "new_unit",
    "existing": "ignore",
    "groups": ["a"],
    "grouping": {"by": "stem"},
    "metadata": {"values": {"site": "Seoul"}},
    "assets": {"image_1": {"path": "/srv/images"}},
}
NOT_DECIDING: dict[str, Any] = {
    "remote": {"region": "eu"},
    "name": "other",
    "watch": "poll",
    "poll_every": "1m",
    "settle": "1m",
    "max_units_per_run": 5,
}


def feed(**settings: Any) -> Feed:
    return Feed.model_validate(PLAIN | settings)


def test_every_setting_is_known_to_decide_or_not() -> None:
    assert {*DECIDING, *NOT_DECIDING} == set(Feed.model_fields)


@pytest.mark.parametrize("key", DECIDING)
def test_a_setting_that_decides_what_a_file_becomes_changes_the_fingerprint(key: str) -> None:
    settings = DECIDING[key] if key == "storage" else {key: DECIDING[key]}
    assert feed(**settings).fingerprint() != feed().fingerprint()


@pytest.mark.parametrize("key", NOT_DECIDING)
def test_a_setting_that_decides_only_when_does_not_change_the_fingerprint(key: str) -> None:
    assert feed(**{key: NOT_DECIDING[key]}).fingerprint() == feed().fingerprint()


def test_the_fingerprint_is_that_of_the_meaning_not_of_the_writing() -> None:
    one = feed(wait_optional="300s", assets={"a": {"path": "/a"}, "b": {"path": "/b"}})
    other = feed(wait_optional="5m", assets={"b": {"path": "/b/"}, "a": {"path": "/x/../a"}})
    assert one.fingerprint() == other.fingerprint()
    assert len(one.fingerprint()) == 64


def test_a_single_path_feed_has_one_root_without_a_name() -> None:
    roots = feed(recursive=False, include=["*.png"], exclude=["old/"], follow_symlinks=True).asset_roots()
    assert roots == {"": AssetRoot("/srv/scans", False, ("*.png",), ("old/",), True)}


def test_an_asset_has_the_feeds_settings_unless_it_gives_its_own() -> None:
    many = {
        "name": "scans",
        "data_collection": 1,
        "include": ["*.png"],
        "exclude": ["old/"],
        "follow_symlinks": True,
        "assets": {
            "image_1": {"path": "/images"},
            "label_1": {"path": "/labels", "recursive": False, "include": [], "exclude": ["x"]},
        },
    }
    assert Feed.model_validate(many).asset_roots() == {
        "image_1": AssetRoot("/images", True, ("*.png",), ("old/",), True),
        "label_1": AssetRoot("/labels", False, (), ("x",), True),
    }


def test_dates_among_the_metadata_values_become_iso_text() -> None:
    from datetime import date, datetime, time

    values = {"day": date(2024, 1, 2), "at": [datetime(2024, 1, 2, 3, 4)], "in": {"t": time(5, 6)}, "n": 1.5}
    assert feed(metadata={"values": values}).metadata.values == {
        "day": "2024-01-02",
        "at": ["2024-01-02T03:04:00"],
        "in": {"t": "05:06:00"},
        "n": 1.5,
    }
