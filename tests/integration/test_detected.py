"""Files whose names don't say what they are: told by their content, and only these are looked into."""

from __future__ import annotations

from pathlib import Path

import pydicom.data
import pytest

from .conftest import DICOM, IMAGE, LABEL, Installation

CT = Path(str(pydicom.data.get_testdata_file("CT_small.dcm"))).read_bytes()
MR = Path(str(pydicom.data.get_testdata_file("MR_small.dcm"))).read_bytes()
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(60) + b"\0\0\0\0IEND\xaeB`\x82"
ONE = [{**DICOM, "is_required": True}]
BY_STEM = '[feeds.grouping]\nby = "stem"\n'


@pytest.mark.parametrize("name", ["IM0001", "IM.0001", "1.2.840.113619.2.55.3", "series/1/I10"])
def test_dicom_without_an_extension_is_dicom(site: Installation, name: str) -> None:
    site.configure(specs=ONE, extra=BY_STEM)
    site.write({name: CT})

    assert site.sync().exit_code == 0

    assert site.units() == {name: {"dicom_1": name}}
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert site.received() == 0


def test_it_finds_its_folder_and_the_layout_is_inferred_with_it(site: Installation) -> None:
    site.configure(specs=[IMAGE, {**DICOM, "is_required": True}])
    site.write({f"p{number}/view": PNG + bytes([number]) for number in range(5)})
    site.write({f"p{number}/IM1": CT + bytes([number]) for number in range(5)})

    outcome = site.sync()

    assert outcome.exit_code == 0, outcome.stdout
    assert site.units()["p3"] == {"image_1": "p3/view", "dicom_1": "p3/IM1"}


def test_what_nobody_knows_stands_aside_with_its_reason(site: Installation) -> None:
    site.configure(specs=ONE, extra=BY_STEM)
    site.write({"README": "just text", "IM1": MR})

    assert site.sync().exit_code == 0

    (story,) = site.run("files", "show", "README", "--json").json
    assert (story["state"], story["reason"]) == (
        "unmatched",
        "no specification takes files without an extension (dicom_1 takes .dcm)",
    )
    assert site.units() == {"IM1": {"dicom_1": "IM1"}}


def test_a_file_of_another_type_is_told_by_that_type(site: Installation) -> None:
    site.configure(specs=ONE, extra=BY_STEM)
    site.write({"picture": PNG})

    site.sync()

    (story,) = site.run("files", "show", "picture", "--json").json
    assert story["reason"] == "no specification takes .png files (dicom_1 takes .dcm)"


def test_content_that_changes_is_looked_into_again(site: Installation) -> None:
    site.configure(specs=ONE, extra=BY_STEM)
    site.write({"IM1": "still being copied"})
    site.sync()
    assert site.units() == {}
    site.write({"IM1": CT})
    assert site.sync().exit_code == 0
    assert site.units() == {"IM1": {"dicom_1": "IM1"}}


def test_where_no_specification_asks_for_an_extension_nothing_is_looked_into(site: Installation) -> None:
    site.configure(
        specs=[{"name": "data_1", "file_type": "document", "extensions": [], "is_required": True}], extra=BY_STEM
    )
    site.write({"IM1": CT, "notes": "text"})

    assert site.sync().exit_code == 0

    assert site.units().keys() == {"IM1", "notes"}
    assert site.rows("SELECT count(*) FROM files WHERE detected <> ''") == [(0,)]


def test_a_name_that_says_its_type_is_believed(site: Installation) -> None:
    site.configure(specs=[IMAGE, LABEL], extra=BY_STEM)
    site.write({"a.png": CT, "a.json": "{}"})

    assert site.sync().exit_code == 0
    assert site.units() == {"a": {"image_1": "a.png", "label_1": "a.json"}}


def test_a_rename_to_a_telling_name_and_back_is_noticed(site: Installation) -> None:
    site.configure(specs=ONE, extra=BY_STEM)
    site.write({"README": "text"})
    site.sync()
    (site.share / "README").rename(site.share / "README.dcm")
    assert site.sync().exit_code == 0
    assert site.units() == {"README": {"dicom_1": "README.dcm"}}


@pytest.mark.parametrize("grouping", [BY_STEM, BY_STEM + 'on_ambiguous = "newest"\n'])
def test_a_file_of_a_waiting_unit_that_is_renamed_finds_its_new_one(site: Installation, grouping: str) -> None:
    site.configure(specs=[IMAGE, LABEL], extra=grouping)
    site.write({"x": PNG})
    site.sync()
    (site.share / "x").rename(site.share / "y")
    site.write({"x.json": "{}"})

    assert site.sync().exit_code == 0
    site.write({"y.json": "[]"})
    assert site.sync().exit_code == 0

    assert site.units() == {"y": {"image_1": "y", "label_1": "y.json"}}
    site.write({"x": PNG + b"1"})
    assert site.sync().exit_code == 0
    assert site.units().keys() == {"x", "y"}
