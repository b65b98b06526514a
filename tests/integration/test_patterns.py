"""Each pattern of folders becomes the right units, once; a second run sends nothing and makes none."""

from __future__ import annotations

import pytest

from .conftest import Installation

DIRECTORY = '[feeds.grouping]\nby = "directory"\n'
STEM = '[feeds.grouping]\nby = "stem"\n'
AUTO = ""

ONE_FOLDER = ["p1/image.png", "p1/label.json", "p1/scan.dcm", "p2/image.png", "p2/label.json"]
TYPE_FOLDERS = ["images/001.png", "labels/001.json", "images/002.png", "labels/002.json", "dicoms/001.dcm"]
FLAT = ["s1.png", "s1.json", "s2.png", "s2.json", "s2.dcm"]
SUB_FOLDERS = ["p1/image/scan.png", "p1/label/boxes.json", "p2/image/scan.png", "p2/label/boxes.json"]

UNITS = {
    "one folder per unit": (ONE_FOLDER, DIRECTORY, {"p1", "p2"}),
    "type folders": (TYPE_FOLDERS, STEM, {"001", "002"}),
    "flat folder": (FLAT, STEM, {"s1", "s2"}),
    "type sub-folders": (SUB_FOLDERS, DIRECTORY, {"p1", "p2"}),
    "one folder per unit, inferred": (ONE_FOLDER, AUTO, {"p1", "p2"}),
    "type folders, inferred": (TYPE_FOLDERS, AUTO, {"001", "002"}),
    "flat folder, inferred": (FLAT, AUTO, {"s1", "s2"}),
    "type sub-folders, inferred": (SUB_FOLDERS, AUTO, {"p1", "p2"}),
}


@pytest.mark.parametrize(("files", "grouping", "keys"), UNITS.values(), ids=UNITS.keys())
def test_a_pattern_becomes_units_exactly_once(
    site: Installation, files: list[str], grouping: str, keys: set[str]
) -> None:
    site.configure(extra=grouping)
    site.write(files)

    first = site.sync()

    assert first.exit_code == 0, first.stdout
    units = site.units()
    assert units.keys() == keys
    assert sorted(path for unit in units.values() for path in unit.values()) == sorted(files)

    site.server.reset_stats()
    second = site.sync()

    assert second.exit_code == 0
    assert site.server.stats()["bytes_received"] == 0
    assert site.units() == units
    assert len(site.server.units(site.collection)) == len(keys)


def test_each_asset_has_its_own_path(site: Installation) -> None:
    site.configure(
        extra='[feeds.assets.image_1]\npath = "share/pictures"\n[feeds.assets.label_1]\npath = "share/annotations"\n'
    )
    site.write(["pictures/a/1.png", "annotations/a/1.json", "pictures/b/1.png", "annotations/b/1.json"])

    assert site.sync().exit_code == 0

    assert site.units() == {
        "a/1": {"image_1": "a/1.png", "label_1": "a/1.json"},
        "b/1": {"image_1": "b/1.png", "label_1": "b/1.json"},
    }
