"""Sidecars: what lies beside a file, or in its folder, becomes meta; a unit waits for one that is still settling."""

from __future__ import annotations

import json
import os
import threading
import unicodedata
from typing import Any

import pytest

from .conftest import IMAGE, Installation

SIDECAR = "[feeds.metadata]\nsidecar = true\n"
BY_STEM = '[feeds.grouping]\nby = "stem"\n'
BY_FOLDER = '[feeds.grouping]\nby = "directory"\n'
PAIR = {"p1/a.png": "an image", "p1/a.json": "a label"}


def meta(site: Installation) -> dict[str, dict[str, Any]]:
    return {unit["meta"]["data_unit_key"]: unit["meta"] for unit in site.server.units(site.collection)}


@pytest.mark.parametrize("name", ["a.meta.json", "a.png.meta.json", "a.json.meta.json", "meta.json", "../meta.json"])
def test_each_form_of_a_sidecar_is_found(site: Installation, name: str) -> None:
    site.configure(extra=BY_STEM + SIDECAR)
    site.write(PAIR)
    site.write({os.path.normpath(f"p1/{name}"): '{"age": 45, "site": "서울"}'})

    outcome = site.sync()

    assert outcome.exit_code == 0, outcome.stdout
    assert (meta(site)["p1/a"]["age"], meta(site)["p1/a"]["site"]) == (45, "서울")
    story = site.run("units", "show", "p1/a", "--json").json[0]
    assert story["meta_sources"]["age"] == f"sidecar {os.path.normpath(f'p1/{name}')}"


@pytest.mark.parametrize("name", ["a.json", "a.png.json", "a.yaml"])
def test_where_no_specification_takes_it_a_plain_name_is_a_sidecar_too(site: Installation, name: str) -> None:
    site.configure(specs=[IMAGE], extra=BY_STEM + SIDECAR)
    site.write({"a.png": "an image", name: '{"age": 45}'})

    assert site.sync().exit_code == 0

    assert meta(site)["a"]["age"] == 45


def test_yaml_is_read_and_dates_become_text(site: Installation) -> None:
    site.configure(extra=BY_FOLDER + SIDECAR)
    site.write({**PAIR, "p1/a.meta.yml": "taken: 2024-01-05\ntags: [ct, chest]\n"})

    assert site.sync().exit_code == 0

    assert (meta(site)["p1"]["taken"], meta(site)["p1"]["tags"]) == ("2024-01-05", ["ct", "chest"])


def test_the_nearer_sidecar_wins_and_what_it_replaced_is_kept(site: Installation) -> None:
    site.configure(extra=BY_FOLDER + SIDECAR)
    told = {"meta.json": "root", "p1/meta.json": "folder", "p1/a.meta.json": "stem", "p1/a.png.meta.json": "name"}
    site.write(PAIR)
    site.write({name: json.dumps({"who": who, who: True}) for name, who in told.items()})

    assert site.sync().exit_code == 0

    assert meta(site)["p1"]["who"] == "name"
    assert all(meta(site)["p1"][who] for who in told.values())
    story = site.run("units", "show", "p1", "--json").json[0]
    assert [each["value"] for each in story["meta_overruled"]] == ["root", "folder", "stem"]


def test_without_the_setting_nothing_is_read(site: Installation) -> None:
    site.configure(extra=BY_FOLDER)
    site.write({**PAIR, "p1/a.meta.json": "not even JSON"})

    assert site.sync().exit_code == 0

    assert "age" not in meta(site)["p1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no JSON"),
        ("[1]", "is no table of names and values"),
        ('{"a": NaN}', "which JSON does not have"),
        ("x" * ((1 << 20) + 1), "has more than 1 MiB"),
    ],
)
def test_a_bad_sidecar_holds_its_unit_until_it_is_good(site: Installation, content: str, words: str) -> None:
    site.configure(extra=BY_FOLDER + SIDECAR)
    site.write({**PAIR, "p1/a.meta.json": content, "p2/a.png": "another", "p2/a.json": "its label"})

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held", "p2": "registered"}
    assert words in site.reason("p1")
    assert "p1/a.meta.json" in site.reason("p1")

    site.write({"p1/a.meta.json": '{"age": 45}'})

    assert site.sync().exit_code == 0
    assert meta(site)["p1"]["age"] == 45


def test_a_unit_waits_for_a_sidecar_that_is_still_being_written(site: Installation) -> None:
    site.configure(extra=BY_FOLDER + SIDECAR)
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "1s"'))
    site.write(PAIR)
    done = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not done.wait(0.1):
            number += 1
            site.write({"p1/a.meta.json": f'{{"age": {number}}}'})

    writer = threading.Thread(target=keep_writing)
    writer.start()
    site.sync()
    done.set()
    writer.join()
    assert site.states() == {"p1": "complete"}
    assert site.reason("p1") == "its sidecar is still settling"

    site.write({"p1/a.meta.json": '{"age": 45}'})
    assert site.sync().exit_code == 0
    assert meta(site)["p1"]["age"] == 45


def test_a_sidecar_that_arrives_changes_or_goes_before_its_unit_is_sent_is_taken_into_account(
    site: Installation, impatient: None
) -> None:
    site.configure(extra=BY_FOLDER + SIDECAR)
    site.write(PAIR)
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=503, times=None)
    steps: list[tuple[str | None, object]] = [(None, None), ('{"age": 1}', 1), ('{"age": 2}', 2), (None, None)]
    for content, age in steps:
        sidecar = site.share / "p1/a.meta.json"
        if content is None:
            sidecar.unlink(missing_ok=True)
        else:
            sidecar.write_text(content)
        site.sync()
        assert site.run("units", "show", "p1", "--json").json[0]["meta"].get("age") == age
    site.server.clear_faults()
    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    assert "age" not in meta(site)["p1"]


def test_many_sidecars_in_one_folder_reach_their_own_units(site: Installation) -> None:
    site.configure(specs=[IMAGE], extra=BY_STEM + SIDECAR)
    site.write({f"{number}.png": f"image {number}" for number in range(3000)})
    site.write({f"{number}.json": f'{{"number": {number}}}' for number in range(3000)})

    assert site.sync().exit_code == 0

    found = meta(site)
    assert len(found) == 3000
    assert all(found[str(number)]["number"] == number for number in range(3000))


@pytest.mark.parametrize(
    ("image", "sidecar"),
    [
        ("B.PNG", "b.json"),
        ("b.png", "B.JSON"),
        ("b.png", "META.JSON"),
        ("사진.png", unicodedata.normalize("NFD", "사진.json")),
        (unicodedata.normalize("NFD", "사진.png"), unicodedata.normalize("NFD", "사진.json")),
        (unicodedata.normalize("NFD", "été.png"), "été.png.meta.json"),
        (os.fsdecode(b"x\xff.png"), os.fsdecode(b"x\xff.json")),
    ],
)
def test_case_and_unicode_forms_make_no_difference(site: Installation, image: str, sidecar: str) -> None:
    site.configure(specs=[IMAGE], extra=BY_STEM + SIDECAR)
    site.write({image: "an image", sidecar: '{"age": 45}'})

    assert site.sync().exit_code == 0
    assert [unit["age"] for unit in meta(site).values()] == [45]


def test_a_sidecar_that_is_renamed_away_is_waited_for_no_longer(site: Installation, impatient: None) -> None:
    site.configure(specs=[IMAGE], extra=BY_STEM + SIDECAR)
    site.write({"a.png": "an image", "b.png": "another image", "a.json": '{"age": 45}'})
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=503, times=None)
    site.sync()
    (site.share / "a.json").rename(site.share / "b.json")
    site.sync()
    site.server.clear_faults()
    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    assert {key: found.get("age") for key, found in meta(site).items()} == {"a": None, "b": 45}


HOSTILE = {
    "nested too deep": "[" * 200_000,
    "deep but sound": '{"a":' * 500 + "1" + "}" * 500,
    "no Unicode": '{"a": "\\ud800x"}',
    "no Unicode in a name": '{"\\ud800x": 1}',
    "too many values": json.dumps({"a": list(range(20_000))}),
}
HOSTILE_YAML = {
    "bytes": "a: !!binary aGVsbG8=",
    "a set": "a: !!set {x, y}",
    "itself": "a: &x [*x]",
    "an alias bomb": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)),
}


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", content) for content in HOSTILE.values()] + [("a.yaml", content) for content in HOSTILE_YAML.values()],
    ids=[*HOSTILE, *HOSTILE_YAML],
)
def test_a_hostile_sidecar_holds_its_own_unit_alone(site: Installation, name: str, content: str) -> None:
    site.configure(specs=[IMAGE], extra=BY_STEM + SIDECAR)
    site.write({"a.png": "an image", "b.png": "another image", name: content})

    assert site.sync().exit_code == 1
    assert site.states() == {"a": "held", "b": "registered"}
    assert f"its sidecar {name}" in site.reason("a")
