"""The layout "pattern", one row each, told as in test_layout_tables.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.places import Choice
from synapse_sync.records import Spec

IMAGE = Spec("image_1", "image", (".png", ".jpg"))
LABEL = Spec("label_1", "document", (".json",))
LEFT = Spec("left_1", "image", (".png",))
RIGHT = Spec("right_1", "image", (".png",))
RULES = (("**/img/*.png", "image_1"), ("**/json/*.json", "label_1"))
PAIRED = {"a": "image_1=img/a.png label_1=json/a.json"}


def pattern(*rules: tuple[str, str], key: str = "", unit_key: str = "") -> Choice:
    return Choice("pattern", rules=rules, key=key, unit_key=unit_key)


def row(name: str, choice: Choice, files: Sequence[str], units: Mapping[str, str], **more: Any) -> Any:
    specs, asides = more.get("specs", (IMAGE, LABEL)), more.get("asides", {})
    return pytest.param(choice, specs, files, units, asides, id=name)


ROWS = [
    row("folders that rules name are no part of the key", pattern(*RULES), ["img/a.png", "json/a.json"], PAIRED),
    row(
        "the other folders are",
        pattern(*RULES),
        ["s1/img/a.png", "s1/json/a.json", "s2/img/a.png", "s2/json/a.json"],
        {
            "s1/a": "image_1=s1/img/a.png label_1=s1/json/a.json",
            "s2/a": "image_1=s2/img/a.png label_1=s2/json/a.json",
        },
    ),
    row(
        "case makes no difference to a rule",
        pattern(*RULES),
        ["IMG/a.PNG", "Json/a.json"],
        {"a": "image_1=IMG/a.PNG label_1=Json/a.json"},
    ),
    row(
        "rules tell two specs of one type apart by name",
        pattern(("*_L.png", "left_1"), ("*_R.png", "right_1"), key=r"([^/]+)_[LR]"),
        ["p1_L.png", "p1_R.png", "d/p2_L.png", "d/p2_R.png"],
        {"p1": "left_1=p1_L.png right_1=p1_R.png", "p2": "left_1=d/p2_L.png right_1=d/p2_R.png"},
        specs=(LEFT, RIGHT),
    ),
    row(
        "the first rule that matches decides",
        pattern(("raw/", "left_1"), ("*.png", "right_1"), unit_key="{stem}"),
        ["raw/a.png", "b/a.png"],
        {"a": "left_1=raw/a.png right_1=b/a.png"},
        specs=(LEFT, RIGHT),
    ),
    row(
        "what no rule takes stands aside, and what a rule gives to a spec that does not take it",
        pattern(("img/*", "image_1"), ("json/*", "label_1")),
        ["img/a.png", "json/a.json", "img/a.gif", "a.txt"],
        PAIRED,
        asides={
            "img/a.gif": 'unmatched: the rule "img/*" is for image_1: image_1 does not take .gif files '
            "(image_1 takes .png, .jpg)",
            "a.txt": "unmatched: no rule takes it (img/*, json/*)",
        },
    ),
    row(
        "named groups make the key, without rules extensions decide",
        pattern(key=r"^(?P<site>[^/]+)/(?P<patient>P\d+)", unit_key="{site}-{patient}"),
        ["seoul/P1/x.png", "seoul/P1.json", "busan/P1_a.png", "busan/deep/P1.json"],
        {
            "seoul-P1": "image_1=seoul/P1/x.png label_1=seoul/P1.json",
            "busan-P1": "image_1=busan/P1_a.png lacks label_1",
        },
        asides={"busan/deep/P1.json": "unmatched: the expression `key` finds nothing in its path"},
    ),
    row(
        "without a template all groups make the key",
        pattern(key=r"([^/]+)/[a-z]+/(\d+)"),
        ["s1/img/7.png", "s1/ann/7.json"],
        {"s1/7": "image_1=s1/img/7.png label_1=s1/ann/7.json"},
    ),
    row(
        "without groups the whole match does",
        pattern(key=r"P\d+"),
        ["a/P1_front.png", "b/P1.json"],
        {"P1": "image_1=a/P1_front.png label_1=b/P1.json"},
    ),
    row(
        "a template of folders needs no expression",
        pattern(unit_key="{dir2}/{stem}"),
        ["img/p1/a.png", "ann/p1/a.json", "top.png"],
        {"p1/a": "image_1=img/p1/a.png label_1=ann/p1/a.json"},
        asides={"top.png": 'unmatched: its path has no dir2 for unit_key = "{dir2}/{stem}"'},
    ),
    row(
        "an empty key makes no unit",
        pattern(key="(x*)"),
        ["a.png"],
        {},
        asides={"a.png": "unmatched: its unit key would be empty"},
    ),
    row(
        "Unicode forms of one name are one key",
        pattern(key=r"(é\d)"),
        ["é1.png", "é1.json"],
        {"é1": "image_1=é1.png label_1=é1.json"},
    ),
    row(
        "two files for one spec are told, not chosen from",
        pattern(key=r"P\d+"),
        ["a/P1.png", "b/P1.png", "P1.json"],
        {"P1": "label_1=P1.json lacks image_1 problem: 2 files for image_1: a/P1.png and b/P1.png"},
    ),
    row(
        "keys that differ in case are two units where each is whole",
        pattern(key=r"[Pp]\d+"),
        ["a/P1.png", "a/P1.json", "b/p1.png", "b/p1.json"],
        {"P1": "image_1=a/P1.png label_1=a/P1.json", "p1": "image_1=b/p1.png label_1=b/p1.json"},
    ),
    row(
        "in assets the asset says the spec, the expression the key",
        pattern(key=r"P\d+"),
        ["image_1:x/P1.png", "label_1:y/P1_boxes.json"],
        {"P1": "image_1=x/P1.png label_1=y/P1_boxes.json"},
    ),
    row(
        "metadata stays metadata",
        pattern(("*.json", "label_1"), ("*.png", "image_1")),
        ["a.png", "a.json", "a.meta.json", "meta.csv"],
        {"a": "image_1=a.png label_1=a.json"},
        asides={
            "a.meta.json": "metadata: a metadata sidecar, by its name",
            "meta.csv": "metadata: a metadata table, by its name",
        },
    ),
]


@pytest.mark.parametrize(("choice", "specs", "files", "units", "asides"), ROWS)
def test_rules_make_these_units_and_asides(
    outcome: Callable[..., Any],
    choice: Choice,
    specs: Sequence[Spec],
    files: Sequence[str],
    units: Mapping[str, str],
    asides: Mapping[str, str],
) -> None:
    """Each row's files make exactly its units, told in full, and leave exactly its asides."""
    assert outcome(choice, specs, files) == (units, asides)


def test_the_parts_of_a_path_have_names() -> None:
    layout = layout_for(pattern(key=r"(?P<site>[^/]+)/"), (IMAGE, LABEL))
    assert layout.fields("seoul/p1/scan.png") == {"dir1": "seoul", "dir2": "p1", "stem": "scan", "site": "seoul"}
    assert layout.fields("scan.png") == {"stem": "scan"}
