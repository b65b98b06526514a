"""Which layout is inferred from samples, and when a person is asked instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from synapse_sync.grouping.inference import Inference, infer
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.places import Choice
from synapse_sync.records import Spec

IMAGE = Spec("image_1", "image", (".png", ".jpg"))
LABEL = Spec("label_1", "document", (".json",))
DICOM = Spec("dicom_1", "medical", (".dcm",), required=False)
SPECS = (IMAGE, LABEL, DICOM)

STEM = Choice("stem")


def sample(files: Iterable[str]) -> list[Member]:
    """Members from PATH or ASSET:PATH."""
    return [
        Member(number, asset, path, 1, 0)
        for number, (asset, _, path) in enumerate(written.rpartition(":") for written in files)
    ]


def inferred(files: Iterable[str], specs: Sequence[Spec] = SPECS) -> Inference:
    return infer([sample(files)], specs)


def each(count: int, *patterns: str) -> list[str]:
    """Each pattern for 0 … count-1."""
    return [pattern.format(number) for number in range(count) for pattern in patterns]


@pytest.mark.parametrize(
    ("files", "choice"),
    [
        pytest.param(each(20, "p{}/image.png", "p{}/label.json", "p{}/x.dcm"), Choice("directory", 1), id="pattern 1"),
        pytest.param(each(20, "images/{}.png", "labels/{}.json"), STEM, id="pattern 2"),
        pytest.param(each(20, "s{}.png", "s{}.json"), STEM, id="pattern 3"),
        pytest.param(each(20, "batch/s{}.png", "batch/s{}.json"), STEM, id="pattern 3 below a folder"),
        pytest.param(each(20, "p{}/img/scan.png", "p{}/json/l.json"), Choice("directory", 1), id="pattern 4"),
        pytest.param(each(20, "x/y/p{}/i.png", "x/y/p{}/l.json"), Choice("directory", 3), id="deeper folders"),
        pytest.param(each(20, "image_1:{}.png", "label_1:{}.json"), STEM, id="pattern 5"),
        pytest.param(each(20, "p{0}/p{0}.png", "p{0}/p{0}.json"), Choice("directory", 1), id="either: full folders"),
        pytest.param(each(20, "s{0}/p{0}/{0}.png", "s{0}/p{0}/{0}.json"), Choice("directory", 2), id="either: deepest"),
        pytest.param(
            each(20, "s{0}/p{0}/i.png", "s{0}/p{0}/l.json"), Choice("directory", 2), id="of folders the deepest"
        ),
        pytest.param(each(1, "set/a.png", "set/a.json"), STEM, id="either: one folder says nothing yet"),
        pytest.param(
            each(20, "image_1:p{}/i.png", "label_1:p{}/l.json"), Choice("directory", 1), id="assets by directory"
        ),
        pytest.param(each(20, "image_1:p{0}/{0}.png", "label_1:p{0}/{0}.json"), STEM, id="assets, either"),
    ],
)
def test_a_clear_layout_is_chosen(files: list[str], choice: Choice) -> None:
    """One layout puts (nearly) all files into complete units, and no other makes different ones as well."""
    result = inferred(files)
    assert result.choice == choice
    assert result.explained == 1.0
    assert result.config_lines == ()


def test_units_of_one_optional_file_each_are_chosen_by_stem() -> None:
    """Folders with one file each are no sign of units by folder."""
    assert inferred(each(20, "day{}/photo.png"), (IMAGE,)).choice == STEM


def test_a_layout_is_scored_on_the_sample_where_it_does_best() -> None:
    """A sample by directory sees images without labels; one by name sees both."""
    by_directory = sample(each(30, "images/{}.png"))
    by_name = sample(each(15, "images/{}.png", "labels/{}.json"))
    result = infer([by_directory, by_name], SPECS)
    assert result.choice == STEM
    assert result.explained == 1.0


def test_two_layouts_with_the_same_units_are_no_ambiguity() -> None:
    """By stem and by directory make the same units: neither is the other's rival."""
    result = inferred(each(20, "p{0}/p{0}.png", "p{0}/p{0}.json"))
    assert result.runner_up is None


def test_two_layouts_with_different_units_leave_the_decision_to_a_person() -> None:
    """Where nothing is required, each file alone is as good a unit as each folder."""
    specs = (Spec("image_1", "", (".png",), required=False), Spec("small_1", "", (".jpg",), required=False))
    result = inferred(each(20, "p{}/scan.png", "p{}/thumb.jpg"), specs)
    assert result.choice is None
    assert (result.explained, result.runner_up, result.runner_up_explained) == (1.0, Choice("directory", 1), 1.0)
    assert result.summary == (
        "Two layouts explain the files about equally well. "
        "Best is grouping by stem: 40 of 40 files in 40 complete units; "
        "next is grouping by directory (depth 1): 40 of 40 files in 20 complete units."
    )
    assert result.config_lines == ('grouping = { by = "stem" }', 'grouping = { by = "directory", depth = 1 }')


def test_a_shared_annotation_file_is_undecided_and_says_what_lacks() -> None:
    """COCO: one file of labels for all images makes no units, whatever the layout."""
    result = inferred([*each(50, "images/{:03}.jpg"), "annotations/instances.json"])
    assert result.choice is None
    assert result.explained == 0.0
    assert result.summary == (
        "No layout explains the files (95% is asked for). Best is grouping by stem: 0 of 51 files in 0 complete units, "
        "1 unit without image_1, 50 units without label_1. 50 units lack label_1, of which there is 1 file: "
        "a file that several units share is not supported, each unit needs its own."
    )


def test_ambiguous_files_are_undecided_and_show_an_example() -> None:
    """Two specs take .png and nothing says which is which."""
    result = inferred(each(10, "s{}.png"), (Spec("image_1", "", (".png",)), Spec("mask_1", "", (".png",))))
    assert result.choice is None
    assert "10 ambiguous (s0.png could be image_1 or mask_1: neither folder nor extension decides)" in result.summary


def test_files_that_match_nothing_count_and_are_shown() -> None:
    """Nine files of ten in units is too little to decide unasked; one in forty is not."""
    few = inferred([*each(4, "s{}.png", "s{}.json"), "notes.txt"])
    assert few.choice is None
    assert round(few.explained, 3) == 0.889
    assert "8 of 9 files in 4 complete units, 1 unmatched (notes.txt: no specification takes .txt files" in few.summary
    many = inferred([*each(20, "s{}.png", "s{}.json"), "notes.txt"])
    assert many.choice == STEM
    assert "40 of 41 files in 20 complete units, 1 unmatched" in many.summary


def test_metadata_files_do_not_count() -> None:
    result = inferred(["metadata.xlsx", *each(2, "s{}.png", "s{}.json", "s{}.meta.json")])
    assert result.choice == STEM
    assert result.explained == 1.0


@pytest.mark.parametrize("files", [[], ["metadata.xlsx"]])
def test_no_files_decide_nothing(files: list[str]) -> None:
    result = inferred(files)
    assert result.choice is None
    assert result.summary == "There are no files to infer a layout from yet."
    assert result.config_lines == ('grouping = { by = "stem" }', 'grouping = { by = "directory", depth = 1 }')


def test_no_samples_decide_nothing() -> None:
    assert infer([], SPECS).choice is None


def test_assets_group_by_stem_even_before_their_partners_came() -> None:
    """Nothing is complete yet, and nothing speaks for another layout."""
    result = inferred(each(10, "image_1:{}.png"))
    assert result.choice == STEM
    assert result.explained == 0.0
    assert result.summary.startswith("Grouping by stem, as is usual for assets: 0 of 10 files in 0 complete units")


def test_assets_that_speak_for_folders_but_not_clearly_are_undecided() -> None:
    files = [*each(8, "image_1:p{}/i.png", "label_1:p{}/l.json"), *each(4, "image_1:q{}/i.png")]
    result = inferred(files)
    assert result.choice is None
    assert "Best is grouping by directory (depth 1): 16 of 20 files in 8 complete units" in result.summary
    assert result.config_lines[0] == 'grouping = { by = "directory", depth = 1 }'


def test_folders_are_tried_down_to_eight_levels() -> None:
    deep = "a/b/c/d/e/f/"
    assert inferred(each(5, deep + "g/p{}/i.png", deep + "g/p{}/l.json")).choice == Choice("directory", 8)
    assert inferred(each(5, deep + "g/h/p{}/i.png", deep + "g/h/p{}/l.json")).choice is None
