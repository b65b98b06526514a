"""Names, one row each: extensions, metadata, case and Unicode, empty files, and the assets of pattern 5.

A file is written PATH, ASSET:PATH or PATH (empty). A unit is told as spec=PATH pairs, then what it lacks, its problem
and what it leaves out.
"""

from __future__ import annotations

import unicodedata
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

STEM = Choice("stem")
FOLDER = Choice("directory")

E_NFC = unicodedata.normalize("NFC", "é")
E_NFD = unicodedata.normalize("NFD", "é")
HANGUL_NFD = unicodedata.normalize("NFD", "환자")


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
    # --- extensions
    row(
        "NIfTI: .nii.gz pairs with .json",
        STEM,
        (SCAN, LABEL),
        ["sub-01_T1w.nii.gz", "sub-01_T1w.json"],
        {"sub-01_T1w": "scan_1=sub-01_T1w.nii.gz label_1=sub-01_T1w.json"},
    ),
    row(
        "BIDS: subject and modality folders",
        STEM,
        (SCAN, LABEL),
        ["sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w.json", "sub-01/func/sub-01_bold.nii.gz"],
        {
            "sub-01/anat/sub-01_T1w": "scan_1=sub-01/anat/sub-01_T1w.nii.gz label_1=sub-01/anat/sub-01_T1w.json",
            "sub-01/func/sub-01_bold": "scan_1=sub-01/func/sub-01_bold.nii.gz lacks label_1",
        },
    ),
    row(
        "RAW and JPEG of one exposure",
        STEM,
        (Spec("image_1", "image", (".jpg",)), Spec("raw_1", "data", (".cr2", ".nef", ".arw"))),
        ["DCIM/100CANON/IMG_0001.JPG", "DCIM/100CANON/IMG_0001.CR2", "DCIM/101CANON/IMG_0001.JPG"],
        {
            "DCIM/100CANON/IMG_0001": "image_1=DCIM/100CANON/IMG_0001.JPG raw_1=DCIM/100CANON/IMG_0001.CR2",
            "DCIM/101CANON/IMG_0001": "image_1=DCIM/101CANON/IMG_0001.JPG lacks raw_1",
        },
    ),
    row(
        "OME-TIFF and archives have stems without their inner suffix",
        STEM,
        (Spec("image_1", "image", (".ome.tif",)), Spec("pack_1", "data", (".tar.gz",))),
        ["a.ome.tif", "a.tar.gz"],
        {"a": "image_1=a.ome.tif pack_1=a.tar.gz"},
    ),
    row(
        "an inner suffix that only a spec knows",
        STEM,
        (Spec("scan_1", "medical", (".nrrd",)), Spec("label_1", "medical", (".seg.nrrd",))),
        ["a.nrrd", "a.seg.nrrd"],
        {"a": "scan_1=a.nrrd label_1=a.seg.nrrd"},
    ),
    row(
        "a spec for .gz takes .nii.gz, and it still pairs by its stem",
        STEM,
        (Spec("scan_1", "medical", (".gz",)), LABEL),
        ["a.nii.gz", "a.json"],
        {"a": "scan_1=a.nii.gz label_1=a.json"},
    ),
    row(
        "dots in stems are no extensions",
        STEM,
        USUAL,
        ["2024.01.02.png", "2024.01.02.json", "v1.2.json", "v1.3.png"],
        {
            "2024.01.02": "image_1=2024.01.02.png label_1=2024.01.02.json",
            "v1.2": "label_1=v1.2.json lacks image_1",
            "v1.3": "image_1=v1.3.png lacks label_1",
        },
    ),
    row(
        "extensions in any case",
        STEM,
        USUAL,
        ["a.PNG", "a.Json"],
        {"a": "image_1=a.PNG label_1=a.Json"},
    ),
    row(
        "files that no spec takes, each with its reason",
        STEM,
        USUAL,
        ["a.txt", "README", "a."],
        {},
        {
            "a.txt": "unmatched: no specification takes .txt files "
            "(image_1 takes .png, .jpg, .jpeg; label_1 takes .json)",
            "README": "unmatched: no specification takes files without an extension "
            "(image_1 takes .png, .jpg, .jpeg; label_1 takes .json)",
            "a.": "unmatched: no specification takes files without an extension "
            "(image_1 takes .png, .jpg, .jpeg; label_1 takes .json)",
        },
    ),
    # --- metadata
    row(
        "sidecars and root tables are metadata",
        STEM,
        USUAL,
        ["a.meta.json", "x/b.META.YAML", "c.meta.yml", "metadata.xlsx", "Meta.CSV", "x/meta.csv"],
        {},
        {
            "a.meta.json": "metadata: a metadata sidecar, by its name",
            "x/b.META.YAML": "metadata: a metadata sidecar, by its name",
            "c.meta.yml": "metadata: a metadata sidecar, by its name",
            "metadata.xlsx": "metadata: a metadata table, by its name",
            "Meta.CSV": "metadata: a metadata table, by its name",
            "x/meta.csv": "unmatched: no specification takes .csv files "
            "(image_1 takes .png, .jpg, .jpeg; label_1 takes .json)",
        },
    ),
    row(
        "a root table is a spec's file where a spec lists its extension",
        STEM,
        (Spec("table_1", "data", (".csv",)),),
        ["meta.csv", "meta.xlsx"],
        {"meta": "table_1=meta.csv"},
        {"meta.xlsx": "metadata: a metadata table, by its name"},
    ),
    row(
        "a spec without restrictions does not swallow the table",
        FOLDER,
        (ANY,),
        ["metadata.xlsx", "p1/a.bin"],
        {"p1": "data_1=p1/a.bin"},
        {"metadata.xlsx": "metadata: a metadata table, by its name"},
    ),
    # --- case and Unicode
    row(
        "twins in case pair where there is no other partner",
        STEM,
        USUAL,
        ["IMG_1.PNG", "img_1.json"],
        {"IMG_1": "image_1=IMG_1.PNG label_1=img_1.json"},
    ),
    row(
        "an exact partner comes before a twin in case",
        STEM,
        USUAL,
        ["A.png", "a.png", "a.json"],
        {"A": "image_1=A.png lacks label_1", "a": "image_1=a.png label_1=a.json"},
    ),
    row(
        "twins in case take the key of the first required spec, which is there whenever the unit is sent",
        STEM,
        (DICOM, IMAGE, LABEL),
        ["IMG.dcm", "Img.png", "img.json"],
        {"Img": "dicom_1=IMG.dcm image_1=Img.png label_1=img.json"},
    ),
    row(
        "one label, two images that differ in case: nobody gets it",
        STEM,
        USUAL,
        ["IMG.png", "Img.png", "img.json"],
        {
            "IMG": "image_1=IMG.png lacks label_1 "
            "(img.json: the case of the name differs, and it is not the only such name)",
            "Img": "image_1=Img.png lacks label_1 "
            "(img.json: the case of the name differs, and it is not the only such name)",
            "img": "label_1=img.json lacks image_1 "
            "(IMG.png, Img.png: the case of the name differs, and it is not the only such name)",
        },
    ),
    row(
        "a lone file joins the twin that lacks it",
        STEM,
        WORKFLOW,
        ["A.png", "a.json", "a.dcm"],
        {"A": "image_1=A.png label_1=a.json dicom_1=a.dcm"},
    ),
    row(
        "two pairs that differ in case stay two units",
        STEM,
        (IMAGE, LABEL, Spec("text_1", "text", (".txt",)), Spec("xml_1", "text", (".xml",))),
        ["A.png", "A.json", "a.txt", "a.xml"],
        {
            "A": "image_1=A.png label_1=A.json lacks text_1, xml_1",
            "a": "text_1=a.txt xml_1=a.xml lacks image_1, label_1",
        },
    ),
    row(
        "NFC and NFD spellings of one stem pair",
        STEM,
        USUAL,
        [f"caf{E_NFC}.png", f"caf{E_NFD}.json"],
        {f"caf{E_NFC}": f"image_1=caf{E_NFC}.png label_1=caf{E_NFD}.json"},
    ),
    row(
        "NFC and NFD twins for one spec are a question that says why they look alike",
        STEM,
        (IMAGE,),
        [f"{E_NFC}.png", f"{E_NFD}.png"],
        {
            E_NFC: f"lacks image_1 problem: 2 files for image_1: {E_NFD}.png and {E_NFC}.png "
            "(one name in two Unicode forms)"
        },
    ),
    row(
        "Korean folders, composed on one machine and decomposed on another",
        FOLDER,
        USUAL,
        ["환자/영상.png", f"{HANGUL_NFD}/라벨.json"],
        {"환자": f"image_1=환자/영상.png label_1={HANGUL_NFD}/라벨.json"},
    ),
    row(
        "Korean specs name their type folders",
        STEM,
        (Spec("영상_1", "", (".png",)), Spec("라벨_1", "", (".json",))),
        ["서울/영상/가나다.png", "서울/라벨/가나다.json"],
        {"서울/가나다": "영상_1=서울/영상/가나다.png 라벨_1=서울/라벨/가나다.json"},
    ),
    row(
        "emoji, spaces and percent signs are names like any",
        STEM,
        USUAL,
        ["🐈 1/👩‍🔬 %41.png", "🐈 1/👩‍🔬 %41.json"],
        {"🐈 1/👩‍🔬 %41": "image_1=🐈 1/👩‍🔬 %41.png label_1=🐈 1/👩‍🔬 %41.json"},
    ),
    row(
        "deep nesting",
        STEM,
        USUAL,
        ["a/b/c/d/e/f/g/h/i/images/x.png", "a/b/c/d/e/f/g/h/i/labels/x.json"],
        {"a/b/c/d/e/f/g/h/i/x": "image_1=a/b/c/d/e/f/g/h/i/images/x.png label_1=a/b/c/d/e/f/g/h/i/labels/x.json"},
    ),
    # --- empty files
    row(
        "an empty required file counts as missing",
        STEM,
        USUAL,
        ["a.png", "a.json (empty)"],
        {"a": "image_1=a.png lacks label_1 (a.json is empty)"},
    ),
    row(
        "an empty optional file is left out",
        STEM,
        WORKFLOW,
        ["a.png", "a.json", "a.dcm (empty)"],
        {"a": "image_1=a.png label_1=a.json leaves out: a.dcm is empty"},
    ),
    row(
        "an empty file does not compete with one that has content",
        STEM,
        USUAL,
        ["a.png (empty)", "a.jpg", "a.json"],
        {"a": "image_1=a.jpg label_1=a.json leaves out: a.png is empty"},
    ),
    row(
        "nothing but an empty optional file is no unit yet",
        STEM,
        (MASK,),
        ["a.png (empty)"],
        {"a": "lacks a file for any of mask_1 (a.png is empty) leaves out: a.png is empty"},
    ),
    # --- assets
    row(
        "the asset decides, whatever the folders in it are called",
        STEM,
        (IMAGE, LABEL, MASK),
        ["image_1:masks/001.png", "mask_1:images/001.png", "label_1:labels/001.json"],
        {"001": "image_1=masks/001.png label_1=labels/001.json mask_1=images/001.png"},
    ),
    row(
        "folders inside assets are part of the key",
        STEM,
        USUAL,
        ["image_1:day1/a.png", "label_1:day1/a.json", "label_1:day2/a.json"],
        {"day1/a": "image_1=day1/a.png label_1=day1/a.json", "day2/a": "label_1=day2/a.json lacks image_1"},
    ),
    row(
        "by directory across assets",
        FOLDER,
        USUAL,
        ["image_1:p1/scan.png", "label_1:p1/findings.json"],
        {"p1": "image_1=p1/scan.png label_1=p1/findings.json"},
    ),
    row(
        "an asset takes only its own spec's extensions",
        STEM,
        USUAL,
        ["image_1:a.json", "image_1:meta.csv", "gone_1:a.png"],
        {},
        {
            "a.json": "unmatched: image_1 does not take .json files (image_1 takes .png, .jpg, .jpeg)",
            "meta.csv": "metadata: a metadata table, by its name",
            "a.png": "unmatched: the collection has no specification gone_1",
        },
    ),
]


@pytest.mark.parametrize(("choice", "specs", "files", "units", "asides"), ROWS)
def test_names_make_these_units_and_asides(
    outcome: Callable[..., Any],
    choice: Choice,
    specs: Sequence[Spec],
    files: Sequence[str],
    units: Mapping[str, str],
    asides: Mapping[str, str],
) -> None:
    """Each row's files make exactly its units, told in full, and leave exactly its asides."""
    assert outcome(choice, specs, files) == (units, asides)
