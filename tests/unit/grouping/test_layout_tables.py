"""Named folder layouts, one row each: these files make these units, and these files stand aside.

A file is written PATH, ASSET:PATH or PATH (empty). A unit is told as spec=PATH pairs, then what it lacks, its problem
and what it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from synapse_sync.grouping.places import Choice
from synapse_sync.records import Spec

IMAGE = Spec("image_1", "image", (".png", ".jpg", ".jpeg"))
LABEL = Spec("label_1", "document", (".json",))
DICOM = Spec("dicom_1", "medical", (".dcm", ".dicom"), required=False)
MASK = Spec("mask_1", "image", (".png",), required=False)
SCAN = Spec("scan_1", "medical", (".nii", ".nii.gz"))
ANY = Spec("data_1", "data")

USUAL = (IMAGE, LABEL)
WORKFLOW = (IMAGE, LABEL, DICOM)
MASKED = (IMAGE, LABEL, MASK)

STEM = Choice("stem")
FOLDER = Choice("directory")


def row(
    name: str,
    choice: Choice,
    specs: Sequence[Spec],
    files: Sequence[str],
    units: Mapping[str, str],
    asides: Mapping[str, str] | None = None,
) -> Any:
    return pytest.param(choice, specs, files, units, asides or {}, id=name)


ROWS = [
    # --- the five patterns of the upload workflow
    row(
        "pattern 1: a folder per unit",
        FOLDER,
        WORKFLOW,
        ["p1/image.png", "p1/label.json", "p1/scan.dcm", "p2/image.png", "p2/label.json"],
        {
            "p1": "image_1=p1/image.png label_1=p1/label.json dicom_1=p1/scan.dcm",
            "p2": "image_1=p2/image.png label_1=p2/label.json",
        },
    ),
    row(
        "pattern 2: a folder per type",
        STEM,
        WORKFLOW,
        ["images/001.png", "images/002.png", "labels/001.json", "labels/002.json", "dicoms/001.dcm"],
        {
            "001": "image_1=images/001.png label_1=labels/001.json dicom_1=dicoms/001.dcm",
            "002": "image_1=images/002.png label_1=labels/002.json",
        },
    ),
    row(
        "pattern 3: flat, equal stems",
        STEM,
        USUAL,
        ["sample_001.png", "sample_001.json", "sample_002.png", "sample_002.json"],
        {
            "sample_001": "image_1=sample_001.png label_1=sample_001.json",
            "sample_002": "image_1=sample_002.png label_1=sample_002.json",
        },
    ),
    row(
        "pattern 4: type folders inside a folder per unit, with the workflow's own names",
        FOLDER,
        MASKED,
        ["p1/img/scan.png", "p1/json/label.json", "p1/mask/segmentation.png", "p2/img/scan.png", "p2/json/label.json"],
        {
            "p1": "image_1=p1/img/scan.png label_1=p1/json/label.json mask_1=p1/mask/segmentation.png",
            "p2": "image_1=p2/img/scan.png label_1=p2/json/label.json",
        },
    ),
    row(
        "pattern 5: an asset per spec",
        STEM,
        MASKED,
        ["image_1:001.png", "label_1:001.json", "mask_1:001.png"],
        {"001": "image_1=001.png label_1=001.json mask_1=001.png"},
    ),
    # --- folders and depth
    row(
        "depth 2: site and patient make the unit",
        Choice("directory", 2),
        USUAL,
        ["seoul/p1/a.png", "seoul/p1/b.json", "busan/p1/a.png", "busan/p1/deep/er/b.json"],
        {
            "busan/p1": "image_1=busan/p1/a.png label_1=busan/p1/deep/er/b.json",
            "seoul/p1": "image_1=seoul/p1/a.png label_1=seoul/p1/b.json",
        },
    ),
    row(
        "files above the units' folders match nothing",
        Choice("directory", 2),
        USUAL,
        ["a.png", "seoul/b.json"],
        {},
        {
            "a.png": "unmatched: it stands above the folders that make units (2 levels down)",
            "seoul/b.json": "unmatched: it stands above the folders that make units (2 levels down)",
        },
    ),
    row(
        "a file named for its spec inside the unit's folder",
        FOLDER,
        (SCAN, Spec("label_1", "medical", (".nii.gz",))),
        ["case_1/scan.nii.gz", "case_1/label.nii.gz"],
        {"case_1": "scan_1=case_1/scan.nii.gz label_1=case_1/label.nii.gz"},
    ),
    row(
        "a type folder says more than the file's name",
        FOLDER,
        MASKED,
        ["p1/mask/image.png", "p1/image/mask.png", "p1/a.json"],
        {"p1": "image_1=p1/image/mask.png label_1=p1/a.json mask_1=p1/mask/image.png"},
    ),
    row(
        "inside a unit's folder, too, the deepest type folder counts",
        FOLDER,
        MASKED,
        ["p1/mask/image/x.png", "p1/a.json"],
        {"p1": "image_1=p1/mask/image/x.png label_1=p1/a.json"},
    ),
    row(
        "unit folders named like a spec are units, not types",
        FOLDER,
        MASKED,
        ["image_1/image.png", "image_1/mask.png", "image_1/x.json"],
        {"image_1": "image_1=image_1/image.png label_1=image_1/x.json mask_1=image_1/mask.png"},
    ),
    row(
        "by directory, two images in one folder are a question",
        FOLDER,
        USUAL,
        ["p1/a.png", "p1/b.jpg", "p1/c.json"],
        {"p1": "label_1=p1/c.json lacks image_1 problem: 2 files for image_1: p1/a.png and p1/b.jpg"},
    ),
    row(
        "a DICOM series in a collection of single files is counted, not listed in full",
        FOLDER,
        (Spec("dicom_1", "medical", (".dcm",)),),
        [f"p1/slice_{number:03}.dcm" for number in range(300)],
        {
            "p1": "lacks dicom_1 problem: 300 files for dicom_1: "
            "p1/slice_000.dcm, p1/slice_001.dcm, p1/slice_002.dcm and 297 more"
        },
    ),
    row(
        "by directory, case in folder names separates",
        FOLDER,
        USUAL,
        ["P1/a.png", "p1/a.json"],
        {"P1": "image_1=P1/a.png lacks label_1", "p1": "label_1=p1/a.json lacks image_1"},
    ),
    # --- equal stems, type folders
    row(
        "equal stems in different folders are different units",
        STEM,
        USUAL,
        ["day1/001.png", "day1/001.json", "day2/001.png", "day2/001.json"],
        {
            "day1/001": "image_1=day1/001.png label_1=day1/001.json",
            "day2/001": "image_1=day2/001.png label_1=day2/001.json",
        },
    ),
    row(
        "half a unit in one folder does not take its other half from another folder",
        STEM,
        USUAL,
        ["day1/001.png", "day2/001.json"],
        {"day1/001": "image_1=day1/001.png lacks label_1", "day2/001": "label_1=day2/001.json lacks image_1"},
    ),
    row(
        "type folders below a site",
        STEM,
        USUAL,
        ["site/images/a.png", "site/labels/a.json"],
        {"site/a": "image_1=site/images/a.png label_1=site/labels/a.json"},
    ),
    row(
        "type folders above the split, as YOLO has them",
        STEM,
        (IMAGE, Spec("label_1", "text", (".txt",))),
        ["images/train/a.jpg", "labels/train/a.txt", "images/val/a.jpg", "labels/val/a.txt"],
        {
            "train/a": "image_1=images/train/a.jpg label_1=labels/train/a.txt",
            "val/a": "image_1=images/val/a.jpg label_1=labels/val/a.txt",
        },
    ),
    row(
        "the deepest type folder counts, the others are folders like any",
        STEM,
        USUAL,
        ["images/2024/images/a.png", "images/2024/labels/a.json", "labels/2024/images/a.png"],
        {
            "images/2024/a": "image_1=images/2024/images/a.png label_1=images/2024/labels/a.json",
            "labels/2024/a": "image_1=labels/2024/images/a.png lacks label_1",
        },
    ),
    row(
        "type folders in any case, plural or with their index",
        STEM,
        WORKFLOW,
        ["IMAGES/a.png", "Label_1/a.json", "dicom/a.dcm"],
        {"a": "image_1=IMAGES/a.png label_1=Label_1/a.json dicom_1=dicom/a.dcm"},
    ),
    row(
        "a label beside its image in the images folder, as LabelMe leaves it",
        STEM,
        USUAL,
        ["images/a.jpg", "images/a.json"],
        {"a": "image_1=images/a.jpg label_1=images/a.json"},
    ),
    row(
        "folders named for extensions",
        STEM,
        USUAL,
        ["png/a.png", "json/a.json"],
        {"a": "image_1=png/a.png label_1=json/a.json"},
    ),
    row(
        "Supervisely's and COCO's words for types",
        STEM,
        USUAL,
        ["x/img/a.png", "x/ann/a.json", "y/imgs/a.png", "y/Annotations/a.json"],
        {
            "x/a": "image_1=x/img/a.png label_1=x/ann/a.json",
            "y/a": "image_1=y/imgs/a.png label_1=y/Annotations/a.json",
        },
    ),
    row(
        "KITTI: type folders with an index of their own",
        STEM,
        (
            Spec("image_2", "image", (".png",)),
            Spec("image_3", "image", (".png",), required=False),
            Spec("pcd_1", "pcd", (".bin",)),
            Spec("label_2", "text", (".txt",)),
            Spec("calib_1", "text", (".txt",)),
        ),
        [
            f"training/{name}"
            for name in ("image_2/0.png", "image_3/0.png", "velodyne/0.bin", "label_2/0.txt", "calib/0.txt")
        ],
        {
            "training/0": "image_2=training/image_2/0.png image_3=training/image_3/0.png pcd_1=training/velodyne/0.bin "
            "label_2=training/label_2/0.txt calib_1=training/calib/0.txt"
        },
    ),
    row(
        "a folder for two specs of one name does not say which",
        STEM,
        (Spec("image_1", "image", (".png",)), Spec("image_2", "image", (".png",))),
        ["images/a.png"],
        {
            "a": "lacks image_1, image_2 "
            "problem: images/a.png could be image_1 or image_2: neither folder nor extension decides"
        },
    ),
    row(
        "a place is not a type: photos and raw stay in the key",
        STEM,
        USUAL,
        ["photos/a.png", "raw/a.json"],
        {"photos/a": "image_1=photos/a.png lacks label_1", "raw/a": "label_1=raw/a.json lacks image_1"},
    ),
    # --- one extension for several specs
    row(
        "flat, one .png that could be either",
        STEM,
        MASKED,
        ["a.png", "a.json"],
        {
            "a": "label_1=a.json lacks image_1 "
            "problem: a.png could be image_1 or mask_1: neither folder nor extension decides"
        },
    ),
    row(
        "a .jpg for the image does not prove that the .png is the mask",
        STEM,
        MASKED,
        ["a.jpg", "a.png", "a.json"],
        {
            "a": "image_1=a.jpg label_1=a.json "
            "problem: a.png could be image_1 or mask_1: neither folder nor extension decides"
        },
    ),
    row(
        "the mask's folder leaves one spec for the file beside it",
        STEM,
        MASKED,
        ["a.png", "mask/a.png", "a.json"],
        {"a": "image_1=a.png label_1=a.json mask_1=mask/a.png"},
    ),
    row(
        "what is left over is not guessed where two files compete for it",
        STEM,
        (Spec("image_1", "image", (".png", ".bmp")), LABEL, Spec("mask_1", "image", (".png", ".bmp"), required=False)),
        ["a.png", "a.bmp", "mask/a.png", "a.json"],
        {"a": "label_1=a.json mask_1=mask/a.png lacks image_1 problem: 2 files for image_1: a.bmp and a.png"},
    ),
    row(
        "a spec that lists the extension comes before one that takes anything",
        STEM,
        (IMAGE, ANY),
        ["a.png", "a.weird"],
        {"a": "image_1=a.png data_1=a.weird"},
    ),
    row(
        "no restrictions at all: the folders decide",
        STEM,
        (Spec("left_1"), Spec("right_1")),
        ["left/a.x", "right/a.x", "left/b", "right/b"],
        {"a": "left_1=left/a.x right_1=right/a.x", "b": "left_1=left/b right_1=right/b"},
    ),
]


@pytest.mark.parametrize(("choice", "specs", "files", "units", "asides"), ROWS)
def test_folders_make_these_units_and_asides(
    outcome: Callable[..., Any],
    choice: Choice,
    specs: Sequence[Spec],
    files: Sequence[str],
    units: Mapping[str, str],
    asides: Mapping[str, str],
) -> None:
    """Each row's files make exactly its units, told in full, and leave exactly its asides."""
    assert outcome(choice, specs, files) == (units, asides)
