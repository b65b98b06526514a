"""Every layout of layouts.py becomes exactly its units; what `plan` says beforehand is what `once` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom.data
import pytest

from .conftest import Installation
from .layouts import LAYOUTS, Row

DICOM = Path(str(pydicom.data.get_testdata_file("CT_small.dcm"))).read_bytes()
GOES = ("complete", "described", "ready")
ASIDE = ("unmatched", "metadata", "superseded", "held")


def prepare(site: Installation, row: Row) -> None:
    assets = "".join(
        f'[feeds.assets.{asset.partition("=")[0]}]\npath = "share/{lines[0]}"\n' + "\n".join(lines[1:]) + "\n"
        for asset in row.assets
        for lines in [asset.partition("=")[2].split("\n")]
    )
    site.configure(
        specs=[dict(spec) for spec in row.specs],
        feed=row.feed,
        extra=f"[feeds.grouping]\n{row.grouping}\n{row.more}\n{assets}",
    )
    for written in row.files:
        path, equals, content = written.partition("=")
        data = DICOM + content.encode() if content.startswith("DICOM") else content.encode()
        site.write({path: data if equals else f"content of {path}"})


def of_units(units: list[dict[str, Any]]) -> dict[str, str]:
    return {unit["key"]: " ".join(f"{spec}={path}" for spec, path in sorted(unit["files"].items())) for unit in units}


@pytest.mark.parametrize("row", LAYOUTS, ids=lambda row: row.name)
def test_a_layout_becomes_its_units_and_the_plan_said_so(site: Installation, row: Row) -> None:
    prepare(site, row)

    (plan,) = site.run("plan", "--json", "--checksum", "--limit", "10000").json["feeds"]
    outcome = site.sync()

    # What came of it is what the row says.
    registered = [
        {
            "key": unit["meta"]["data_unit_key"],
            "files": {spec: file["path"] for spec, file in unit["files"].items()},
            "meta": unit["meta"],
            "groups": unit["groups"],
        }
        for unit in site.server.units(site.collection)
    ]
    assert of_units(registered) == row.units
    for key, expected in row.meta.items():
        (meta,) = [unit["meta"] for unit in registered if unit["key"] == key]
        for name in {*expected, "age", "site"}:
            assert meta.get(name) == expected.get(name)
    stories = site.run("units", "--json", "--limit", "10000").json
    waiting = {unit["key"]: unit["reason"] for unit in stories if unit["state"] != "registered"}
    assert waiting.keys() == row.waiting.keys()
    for key, words in row.waiting.items():
        assert words in waiting[key]
    files = site.run("files", "--json", "--limit", "10000").json
    asides = {file["path"]: file["reason"] for file in files if file["state"] in ASIDE} if not row.paused else {}
    assert asides.keys() == row.asides.keys()
    for path, words in row.asides.items():
        assert words in asides[path]
    assert row.paused in outcome.feed["paused"]
    assert bool(row.paused) == bool(outcome.feed["paused"])

    # The plan said all of it.
    planned = [{**unit, "files": {s: file["path"] for s, file in unit["files"].items()}} for unit in plan["units"]]
    going = [unit for unit in planned if unit["state"] in GOES and not unit["reason"].startswith("no row")]
    assert of_units(going) == row.units
    assert {unit["key"]: (unit["meta"], unit["groups"]) for unit in going} == {
        unit["key"]: (unit["meta"], unit["groups"]) for unit in registered
    }
    assert {unit["key"]: unit["reason"] for unit in planned if unit not in going} == waiting
    assert {file["path"]: file["reason"] for file in plan["aside"]} == asides
    assert plan["problem"] == outcome.feed["paused"]
    assert plan["totals"]["bytes_to_send"] == outcome.counts.get("sent_bytes", 0)


def test_there_are_many_of_them() -> None:
    assert len({row.name for row in LAYOUTS}) == len(LAYOUTS) >= 60
