"""Layouts that people have, one row each: a tree, a collection, a config, and what must come of it.

A file is written PATH, PATH=CONTENT or SPEC:PATH in a feed with assets. Units are told {key: "spec=path …"}, asides
{path: a part of the reason}, waiting units {key: a part of the reason}, a pause by a part of its reason.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def spec(name: str, *extensions: str, required: bool = True, kind: str = "document") -> dict[str, Any]:
    return {"name": name, "file_type": kind, "extensions": list(extensions), "is_required": required}


IMAGE = spec("image_1", ".png", ".jpg", ".jpeg", kind="image")
LABEL = spec("label_1", ".json")
DICOM = spec("dicom_1", ".dcm", required=False)
MASK = spec("mask_1", ".png", required=False)
NIFTI = spec("scan_1", ".nii", ".nii.gz")
TEXT = spec("label_1", ".txt")
CLOUD = spec("pcd_1", ".bin", ".pcd")
RAW = spec("raw_1", ".cr2", ".nef", ".arw")
WORKFLOW = [IMAGE, LABEL, DICOM]
PAIR = [IMAGE, LABEL]

STEM = 'by = "stem"'
FOLDER = 'by = "directory"'
AUTO = 'by = "auto"'


@dataclass(frozen=True)
class Row:
    """One layout. grouping: lines of [feeds.grouping]; more: further lines of the config, after the feed's own."""

    name: str
    specs: Sequence[Mapping[str, Any]]
    files: Sequence[str]
    units: Mapping[str, str]
    grouping: str = AUTO
    asides: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    paused: str = ""
    meta: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    feed: str = ""
    more: str = ""
    assets: Sequence[str] = ()


def each(count: int, *patterns: str) -> list[str]:
    return [pattern.format(number) for number in range(count) for pattern in patterns]


def pairs(count: int, key: str, image: str, label: str) -> dict[str, str]:
    return {key.format(n): f"image_1={image.format(n)} label_1={label.format(n)}" for n in range(count)}


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


LAYOUTS = [
    # --- the five patterns of the upload workflow, as the config says and as is inferred
    Row(
        "1: a folder per unit",
        WORKFLOW,
        each(4, "p{}/image.png", "p{}/label.json"),
        pairs(4, "p{}", "p{}/image.png", "p{}/label.json"),
        FOLDER,
    ),
    Row(
        "1, inferred",
        WORKFLOW,
        each(4, "p{}/image.png", "p{}/label.json"),
        pairs(4, "p{}", "p{}/image.png", "p{}/label.json"),
    ),
    Row(
        "1 with optional files in some",
        WORKFLOW,
        ["p1/i.png", "p1/l.json", "p1/x.dcm", "p2/i.png", "p2/l.json"],
        {"p1": "dicom_1=p1/x.dcm image_1=p1/i.png label_1=p1/l.json", "p2": "image_1=p2/i.png label_1=p2/l.json"},
        FOLDER,
    ),
    Row(
        "2: a folder per type",
        PAIR,
        each(4, "images/{}.png", "labels/{}.json"),
        pairs(4, "{}", "images/{}.png", "labels/{}.json"),
        STEM,
    ),
    Row(
        "2, inferred",
        PAIR,
        each(4, "images/{}.png", "labels/{}.json"),
        pairs(4, "{}", "images/{}.png", "labels/{}.json"),
    ),
    Row(
        "2 below folders",
        PAIR,
        each(3, "site/a{}/images/x.png", "site/a{}/labels/x.json"),
        pairs(3, "site/a{}/x", "site/a{}/images/x.png", "site/a{}/labels/x.json"),
        STEM,
    ),
    Row(
        "2 with the folders of types on top",
        PAIR,
        each(3, "images/a{}/x.png", "labels/a{}/x.json"),
        pairs(3, "a{}/x", "images/a{}/x.png", "labels/a{}/x.json"),
        STEM,
    ),
    Row("3: one flat folder", PAIR, each(4, "s{}.png", "s{}.json"), pairs(4, "s{}", "s{}.png", "s{}.json"), STEM),
    Row("3, inferred", PAIR, each(4, "s{}.png", "s{}.json"), pairs(4, "s{}", "s{}.png", "s{}.json")),
    Row(
        "3, several flat folders with equal names",
        PAIR,
        each(3, "d{}/s.png", "d{}/s.json"),
        pairs(3, "d{}/s", "d{}/s.png", "d{}/s.json"),
        STEM,
    ),
    Row(
        "4: a folder per unit with a folder per type",
        PAIR,
        each(3, "p{}/img/a.png", "p{}/json/b.json"),
        pairs(3, "p{}", "p{}/img/a.png", "p{}/json/b.json"),
        FOLDER,
    ),
    Row(
        "4, inferred",
        PAIR,
        each(4, "p{}/img/a.png", "p{}/json/b.json"),
        pairs(4, "p{}", "p{}/img/a.png", "p{}/json/b.json"),
    ),
    Row(
        "4 with masks of the image's type",
        [IMAGE, LABEL, MASK],
        each(3, "p{}/image/a.png", "p{}/label/a.json", "p{}/mask/a.png"),
        {f"p{n}": f"image_1=p{n}/image/a.png label_1=p{n}/label/a.json mask_1=p{n}/mask/a.png" for n in range(3)},
        FOLDER,
    ),
    Row(
        "4 at depth 3: site, patient, visit",
        PAIR,
        each(3, "s/p{}/v1/img/a.png", "s/p{}/v1/json/b.json"),
        pairs(3, "s/p{}/v1", "s/p{}/v1/img/a.png", "s/p{}/v1/json/b.json"),
        f"{FOLDER}\ndepth = 3",
    ),
    Row(
        "5: each specification from its own path",
        PAIR,
        ["pictures/a/1.png", "annotations/a/1.json"],
        {"a/1": "image_1=a/1.png label_1=a/1.json"},
        STEM,
        assets=("image_1=pictures", "label_1=annotations"),
    ),
    Row(
        "5, inferred",
        PAIR,
        each(4, "pictures/{}.png", "annotations/{}.json"),
        pairs(4, "{}", "{}.png", "{}.json"),
        assets=("image_1=pictures", "label_1=annotations"),
    ),
    Row(
        "5, one asset flat, filters of its own",
        PAIR,
        ["a/1.png", "a/deep/1.png", "b/1.json", "b/1.bak.json"],
        {"1": "image_1=1.png label_1=1.json"},
        STEM,
        assets=("image_1=a\nrecursive = false", 'label_1=b\nexclude = ["*.bak.json"]'),
    ),
    # --- by pattern
    Row(
        "a key out of the name, rules for left and right",
        [spec("left_1", ".png"), spec("right_1", ".png")],
        ["p1_L.png", "p1_R.png", "p2_L.png", "p2_R.png"],
        {"p1": "left_1=p1_L.png right_1=p1_R.png", "p2": "left_1=p2_L.png right_1=p2_R.png"},
        'by = "pattern"\nkey = "(p[0-9]+)_"\nrules = [{pattern = "*_L.png", spec = "left_1"}, '
        '{pattern = "*_R.png", spec = "right_1"}]',
    ),
    Row(
        "a template of groups",
        PAIR,
        ["seoul/P1/x.png", "seoul/P1/y.json", "busan/P1/x.png", "busan/P1/y.json"],
        {
            "seoul-P1": "image_1=seoul/P1/x.png label_1=seoul/P1/y.json",
            "busan-P1": "image_1=busan/P1/x.png label_1=busan/P1/y.json",
        },
        'by = "pattern"\nkey = "(?P<site>[^/]+)/(?P<patient>P[0-9]+)/"\nunit_key = "{site}-{patient}"',
        meta={"seoul-P1": {"site": "seoul", "patient": "P1"}},
    ),
    Row(
        "a path that the key does not find",
        PAIR,
        ["P1.png", "P1.json", "readme.png"],
        {"P1": "image_1=P1.png label_1=P1.json"},
        'by = "pattern"\nkey = "P[0-9]+"',
        asides={"readme.png": "finds nothing"},
    ),
    # --- formats and conventions
    Row(
        "NIfTI with .nii.gz beside .json",
        [NIFTI, LABEL],
        each(3, "s{}.nii.gz", "s{}.json"),
        {f"s{n}": f"label_1=s{n}.json scan_1=s{n}.nii.gz" for n in range(3)},
        STEM,
    ),
    Row(
        "BIDS",
        [NIFTI, LABEL],
        [
            "sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz",
            "sub-01/ses-02/anat/sub-01_ses-02_T1w.json",
            "sub-02/ses-01/anat/sub-02_ses-01_T1w.nii.gz",
            "sub-02/ses-01/anat/sub-02_ses-01_T1w.json",
        ],
        {
            "sub-01/ses-02/anat/sub-01_ses-02_T1w": "label_1=sub-01/ses-02/anat/sub-01_ses-02_T1w.json "
            "scan_1=sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz",
            "sub-02/ses-01/anat/sub-02_ses-01_T1w": "label_1=sub-02/ses-01/anat/sub-02_ses-01_T1w.json "
            "scan_1=sub-02/ses-01/anat/sub-02_ses-01_T1w.nii.gz",
        },
        STEM,
    ),
    Row(
        "BIDS by a key with named groups",
        [NIFTI],
        ["sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz"],
        {"01_02": "scan_1=sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz"},
        'by = "pattern"\nkey = "^sub-(?P<subject>[^/]+)/ses-(?P<session>[^/]+)/"\nunit_key = "{subject}_{session}"',
        meta={"01_02": {"subject": "01", "session": "02"}},
    ),
    Row(
        "DICOM without extensions, one file a unit",
        [spec("dicom_1", ".dcm")],
        ["st/se/IM1=DICOM", "st/se/IM2=DICOM2"],
        {"st/se/IM1": "dicom_1=st/se/IM1", "st/se/IM2": "dicom_1=st/se/IM2"},
        STEM,
    ),
    Row(
        "a DICOM series in one folder: too many for one place",
        [spec("dicom_1", ".dcm")],
        ["series/1.dcm", "series/2.dcm"],
        {},
        FOLDER,
        waiting={"series": "2 files for dicom_1: series/1.dcm and series/2.dcm"},
    ),
    Row(
        "KITTI",
        [IMAGE, TEXT, CLOUD],
        each(3, "image_2/00000{}.png", "label_2/00000{}.txt", "velodyne/00000{}.bin"),
        {
            f"00000{n}": f"image_1=image_2/00000{n}.png label_1=label_2/00000{n}.txt pcd_1=velodyne/00000{n}.bin"
            for n in range(3)
        },
        'by = "pattern"\nrules = [{pattern = "image_2/*", spec = "image_1"}, '
        '{pattern = "label_2/*", spec = "label_1"}, {pattern = "velodyne/*", spec = "pcd_1"}]',
    ),
    Row(
        "COCO: one annotation file for all",
        PAIR,
        [*each(30, "images/{}.png"), "annotations/instances.json"],
        {},
        paused="a file that several units share",
    ),
    Row(
        "camera RAW and JPEG",
        [IMAGE, RAW],
        each(3, "DCIM/IMG_{}.JPG", "DCIM/IMG_{}.CR2"),
        {f"DCIM/IMG_{n}": f"image_1=DCIM/IMG_{n}.JPG raw_1=DCIM/IMG_{n}.CR2" for n in range(3)},
        STEM,
    ),
    Row(
        "YOLO",
        [IMAGE, TEXT],
        each(3, "images/train/{}.jpg", "labels/train/{}.txt"),
        {f"train/{n}": f"image_1=images/train/{n}.jpg label_1=labels/train/{n}.txt" for n in range(3)},
    ),
    Row(
        "Pascal VOC",
        [IMAGE, spec("label_1", ".xml")],
        each(3, "VOC/JPEGImages/{}.jpg", "VOC/Annotations/{}.xml"),
        {f"VOC/{n}": f"image_1=VOC/JPEGImages/{n}.jpg label_1=VOC/Annotations/{n}.xml" for n in range(3)},
        'by = "pattern"\nrules = [{pattern = "**/JPEGImages/*", spec = "image_1"}, '
        '{pattern = "**/Annotations/*", spec = "label_1"}]',
    ),
    Row(
        "a video with its subtitles and sound",
        [spec("video_1", ".mp4", kind="video"), TEXT, spec("sound_1", ".wav", required=False)],
        ["a/t.mp4", "a/t.txt", "a/t.wav", "b/t.mp4", "b/t.txt"],
        {"a/t": "label_1=a/t.txt sound_1=a/t.wav video_1=a/t.mp4", "b/t": "label_1=b/t.txt video_1=b/t.mp4"},
        STEM,
    ),
    Row(
        "point clouds beside pictures",
        [IMAGE, CLOUD],
        each(2, "cam/{}.png", "lidar/{}.pcd"),
        {f"{n}": f"image_1=cam/{n}.png pcd_1=lidar/{n}.pcd" for n in range(2)},
        'by = "pattern"\nrules = [{pattern = "cam/*", spec = "image_1"}, {pattern = "lidar/*", spec = "pcd_1"}]',
    ),
    Row("one picture a unit", [IMAGE], each(3, "d/{}.png"), {f"d/{n}": f"image_1=d/{n}.png" for n in range(3)}, STEM),
    Row(
        "one picture a unit, inferred",
        [IMAGE],
        each(5, "d{0}/{0}.png"),
        {f"d{n}/{n}": f"image_1=d{n}/{n}.png" for n in range(5)},
    ),
    # --- names
    Row("extensions in upper case", PAIR, ["A.PNG", "A.JSON"], {"A": "image_1=A.PNG label_1=A.JSON"}, STEM),
    Row(
        "stems that differ in case alone pair where nothing else fits",
        PAIR,
        ["IMG.png", "img.json"],
        {"IMG": "image_1=IMG.png label_1=img.json"},
        STEM,
    ),
    Row(
        "twins in case stay apart",
        PAIR,
        ["A.png", "A.json", "a.png", "a.json"],
        {"A": "image_1=A.png label_1=A.json", "a": "image_1=a.png label_1=a.json"},
        STEM,
    ),
    Row(
        "NFC and NFD are one name",
        PAIR,
        ["é.png", nfd("é") + ".json"],
        {"é": f"image_1=é.png label_1={nfd('é')}.json"},
        STEM,
    ),
    Row(
        "two forms of one name for one place",
        PAIR,
        ["é.png", nfd("é") + ".png", "é.json"],
        {},
        STEM,
        waiting={"é": "one name in two Unicode forms"},
    ),
    Row(
        "Korean",
        PAIR,
        each(2, "환자{}/영상.png", "환자{}/라벨.json"),
        pairs(2, "환자{}", "환자{}/영상.png", "환자{}/라벨.json"),
        FOLDER,
    ),
    Row("emoji", PAIR, ["🫁/😀.png", "🫁/😀.json"], {"🫁/😀": "image_1=🫁/😀.png label_1=🫁/😀.json"}, STEM),
    Row(
        "blanks, quotes, percent, hash and a leading dash",
        PAIR,
        ["-a b'\"#%.png", "-a b'\"#%.json"],
        {"-a b'\"#%": "image_1=-a b'\"#%.png label_1=-a b'\"#%.json"},
        STEM,
    ),
    Row(
        "dots inside names",
        PAIR,
        ["v1.2.final.png", "v1.2.final.json"],
        {"v1.2.final": "image_1=v1.2.final.png label_1=v1.2.final.json"},
        STEM,
    ),
    Row(
        "a stem that is the start of another",
        PAIR,
        ["a.png", "a.json", "a_1.png", "a_1.json"],
        {"a": "image_1=a.png label_1=a.json", "a_1": "image_1=a_1.png label_1=a_1.json"},
        STEM,
    ),
    Row(
        "deep nesting",
        PAIR,
        ["/".join("abcdefghijklmnop") + "/x.png", "/".join("abcdefghijklmnop") + "/x.json"],
        {
            "/".join("abcdefghijklmnop") + "/x": "image_1="
            + "/".join("abcdefghijklmnop")
            + "/x.png label_1="
            + "/".join("abcdefghijklmnop")
            + "/x.json"
        },
        STEM,
    ),
    Row(
        "thousands of units in one folder",
        PAIR,
        each(2000, "{}.png", "{}.json"),
        pairs(2000, "{}", "{}.png", "{}.json"),
        STEM,
    ),
    # --- what is left aside, waits, or is refused
    Row(
        "a NAS's junk is not there at all",
        PAIR,
        ["p/a.png", "p/a.json", "p/@eaDir/a.png", "Thumbs.db", "p/.DS_Store", "p/b.png.part"],
        {"p/a": "image_1=p/a.png label_1=p/a.json"},
        STEM,
    ),
    Row(
        "a type that no specification takes",
        PAIR,
        ["a.png", "a.json", "a.xyz"],
        {"a": "image_1=a.png label_1=a.json"},
        STEM,
        asides={"a.xyz": "no specification takes .xyz files"},
    ),
    Row("a required file is missing", PAIR, ["a.png"], {}, STEM, waiting={"a": "waits for label_1"}),
    Row("an empty file counts as missing", PAIR, ["a.png", "a.json="], {}, STEM, waiting={"a": "a.json is empty"}),
    Row(
        "an empty optional file is waited for",
        WORKFLOW,
        ["p/a.png", "p/a.json", "p/a.dcm="],
        {},
        FOLDER,
        waiting={"p": "p/a.dcm is empty"},
    ),
    Row(
        "two candidates hold the unit",
        PAIR,
        ["p/a.png", "p/b.png", "p/l.json"],
        {},
        FOLDER,
        waiting={"p": "2 files for image_1: p/a.png and p/b.png"},
    ),
    Row(
        "two candidates, the newest goes",
        PAIR,
        ["p/a.png", "p/b.png", "p/l.json"],
        {"p": "image_1=p/b.png label_1=p/l.json"},
        f'{FOLDER}\non_ambiguous = "newest"',
        asides={"p/a.png": "is newer"},
    ),
    Row(
        "one file for two specifications",
        [IMAGE, LABEL, spec("mask_1", ".png")],
        ["a.png", "a.json"],
        {},
        STEM,
        waiting={"a": "a.png could be image_1 or mask_1"},
    ),
    Row(
        "files above the folders that make units",
        PAIR,
        ["top.png", "p/a.png", "p/a.json"],
        {"p": "image_1=p/a.png label_1=p/a.json"},
        FOLDER,
        asides={"top.png": "above the folders that make units"},
    ),
    Row(
        "equal stems in different folders never merge",
        PAIR,
        ["a/x.png", "b/x.json"],
        {},
        STEM,
        waiting={"a/x": "waits for label_1", "b/x": "waits for image_1"},
    ),
    Row(
        "mixed patterns are refused",
        PAIR,
        [*each(5, "p{}/i.png", "p{}/l.json"), *each(5, "s{}.png", "s{}.json")],
        {},
        paused="No layout explains the files",
    ),
    Row("nothing that fits is refused", PAIR, each(5, "{}.xyz"), {}, paused="No layout explains the files"),
    Row(
        "equal content is registered once",
        [IMAGE],
        ["a.png=same", "b.png=same"],
        {"a": "image_1=a.png"},
        STEM,
        waiting={"b": "the same content as a"},
    ),
    Row(
        "filters decide what there is",
        PAIR,
        ["keep/a.png", "keep/a.json", "skip/b.png", "skip/b.json"],
        {"keep/a": "image_1=keep/a.png label_1=keep/a.json"},
        STEM,
        feed='exclude = ["skip/"]',
    ),
    # --- metadata
    Row(
        "a table beside the files",
        PAIR,
        ["a.png", "a.json", "meta.csv=filename,age\na,45\n"],
        {"a": "image_1=a.png label_1=a.json"},
        STEM,
        asides={"meta.csv": "a metadata table"},
        meta={"a": {"age": "45"}},
    ),
    Row(
        "a table of a type that a specification takes, where the key does not find it",
        [IMAGE, spec("data_1", ".csv", ".json")],
        ["s/P1.png", "s/P1.json", "meta.csv=filename,age\nP1,45\n"],
        {"s/P1": "data_1=s/P1.json image_1=s/P1.png"},
        'by = "pattern"\nkey = "[^/]+/P[0-9]+"',
        asides={"meta.csv": "a metadata table"},
        meta={"s/P1": {"age": "45"}},
    ),
    Row(
        "a table that is named, rows for some",
        [IMAGE],
        ["a.png", "b.png", "t/m.csv=case,age\na,45\n"],
        {"a": "image_1=a.png"},
        STEM,
        waiting={"b": "no row for b in t/m.csv"},
        asides={"t/m.csv": "metadata table"},
        meta={"a": {"age": "45"}},
        more='[feeds.metadata]\ntable = "t/m.csv"\nkey_column = "case"\n',
    ),
    Row(
        "numbered stems take the row of what they come from",
        [IMAGE],
        ["scan_0001.png", "scan_0002.png", "meta.csv=filename,age\nscan,45\n"],
        {"scan_0001": "image_1=scan_0001.png", "scan_0002": "image_1=scan_0002.png"},
        STEM,
        asides={"meta.csv": "a metadata table"},
        meta={"scan_0001": {"age": "45"}, "scan_0002": {"age": "45"}},
    ),
    Row(
        "a part of a name is no name",
        [IMAGE],
        ["11.jpg", "meta.csv=filename,age\n1.jpg,45\n"],
        {"11": "image_1=11.jpg"},
        STEM,
        asides={"meta.csv": "a metadata table"},
        meta={"11": {}},
    ),
    Row(
        "sidecars of files and folders",
        PAIR,
        ["p/a.png", "p/a.json", 'p/a.meta.json={"age": 45}', 'p/meta.json={"site": "s"}'],
        {"p/a": "image_1=p/a.png label_1=p/a.json"},
        STEM,
        more="[feeds.metadata]\nsidecar = true\n",
        asides={"p/a.meta.json": "sidecar", "p/meta.json": "sidecar"},
        meta={"p/a": {"age": 45, "site": "s"}},
    ),
    Row(
        "groups out of folders",
        PAIR,
        ["seoul/p1/a.png", "seoul/p1/a.json"],
        {"seoul/p1/a": "image_1=seoul/p1/a.png label_1=seoul/p1/a.json"},
        STEM,
        feed='groups = ["{dir1}", "{dir2}"]',
    ),
    Row(
        "groups that a path lacks",
        PAIR,
        ["a.png", "a.json"],
        {},
        STEM,
        waiting={"a": 'a.png has no dir1 for the group "{dir1}"'},
        feed='groups = ["{dir1}"]',
    ),
]
