"""Names of files and folders: stems, extensions, and the folders that speak of specs."""

from __future__ import annotations

import pytest

from synapse_sync.grouping.matching import sequential_problem
from synapse_sync.grouping.names import MULTI_PART_EXTENSIONS, split_extension, tails
from synapse_sync.grouping.type_folders import TypeFolders, forms
from synapse_sync.records import Spec


@pytest.mark.parametrize(
    ("name", "stem", "extension"),
    [
        ("a.png", "a", ".png"),
        ("a.NII.GZ", "a", ".nii.gz"),
        ("a.b.tar.gz", "a.b", ".tar.gz"),
        ("a.b.png", "a.b", ".png"),
        ("a.", "a.", ""),
        ("a", "a", ""),
        (".hidden", ".hidden", ""),
        (".hidden.png", ".hidden", ".png"),
        (".nii.gz", ".nii", ".gz"),
        ("..png", ".", ".png"),
    ],
)
def test_a_name_is_a_stem_and_the_longest_known_extension(name: str, stem: str, extension: str) -> None:
    assert split_extension(name, MULTI_PART_EXTENSIONS) == (stem, extension)


def test_the_endings_of_an_extension_come_longest_first() -> None:
    assert list(tails(".a.b.c")) == [".a.b.c", ".b.c", ".c"]
    assert list(tails("")) == []


@pytest.mark.parametrize(
    ("one", "many"), [("image", "images"), ("box", "boxes"), ("category", "categories"), ("glass", "glasses")]
)
def test_a_word_stands_for_its_singular_and_its_plural(one: str, many: str) -> None:
    assert many in forms(one)
    assert one in forms(many)
    assert "mas" not in forms("mass")


SPECS = (
    Spec("image_1", "image", (".png",)),
    Spec("image_2", "image", (".png",)),
    Spec("front_camera_1", "image", (".png",)),
    Spec("pcd_1", "pcd", (".pcd", ".bin")),
    Spec("label_1", "document", (".json",)),
    Spec("data_1", "data"),
)


@pytest.mark.parametrize(
    ("folder", "specs"),
    [
        ("image_2", ("image_2",)),
        ("IMAGE_1", ("image_1",)),
        ("images", ("image_1", "image_2")),
        ("img", ("image_1", "image_2")),
        ("front_cameras", ("front_camera_1",)),
        ("Velodyne", ("pcd_1",)),
        ("bin", ("pcd_1",)),
        ("annotations", ("label_1",)),
        ("data", ("data_1",)),
        ("json", ("label_1",)),
        ("image_3", ()),
        ("documents", ()),
        ("photos", ()),
        ("2024", ()),
    ],
)
def test_a_folder_speaks_of_a_spec_by_name_then_by_other_words(folder: str, specs: tuple[str, ...]) -> None:
    assert TypeFolders(SPECS).named_by(folder) == specs


def test_a_folder_speaks_of_a_file_type_where_no_spec_has_that_name() -> None:
    """`images/` holds what a spec `front_1` of type "image" takes, but not where there is an `image_1`."""
    front = Spec("front_1", "image", (".png",))
    assert TypeFolders((front,)).named_by("images") == ("front_1",)
    assert TypeFolders((front, SPECS[0])).named_by("images") == ("image_1",)


def test_sequential_specs_are_refused_by_name() -> None:
    frames = Spec("frames_1", sequential=True)
    assert sequential_problem(SPECS) == ""
    assert sequential_problem((*SPECS, frames)) == (
        "sequential specifications are not supported (one unit has one file per specification): frames_1"
    )
