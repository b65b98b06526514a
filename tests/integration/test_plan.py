"""`plan` says what `once` will do, and does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from .conftest import DIRECTORY, IMAGE, LABEL, PAIR, Installation
from .test_patterns import UNITS
from .test_refusals import refuse


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def planned(site: Installation, *arguments: str) -> dict[str, Any]:
    """What `plan --json` says of the only feed."""
    feeds: list[dict[str, Any]] = site.run("plan", "--json", *arguments).json["feeds"]
    assert len(feeds) == 1
    return feeds[0]


@pytest.mark.parametrize("checksum", [(), ("--checksum",)], ids=["names only", "with checksums"])
@pytest.mark.parametrize(("files", "grouping"), [case[:2] for case in UNITS.values()], ids=UNITS.keys())
def test_a_plan_is_what_happens(site: Installation, files: list[str], grouping: str, checksum: tuple[str, ...]) -> None:
    site.configure(extra=grouping)
    site.write(files)

    plan = planned(site, *checksum)
    outcome = site.sync()

    units = site.server.units(site.collection)
    expected = {unit["key"]: ({s: f["path"] for s, f in unit["files"].items()}, unit["meta"]) for unit in plan["units"]}
    happened = {
        unit["meta"]["data_unit_key"]: (
            {spec: file["path"] for spec, file in unit["files"].items()},
            {name: value for name, value in unit["meta"].items() if checksum or name != "sync_key"},
        )
        for unit in units
    }
    assert expected == happened
    assert plan["totals"]["to_register"] == outcome.counts["registered"] == len(units)
    assert plan["totals"]["bytes_to_send"] == outcome.counts["sent_bytes"]
    assert plan["totals"]["exact"] is bool(checksum)
    assert plan["grouping"].get("summary", "") == outcome.feed["grouping"]


def test_a_plan_says_what_will_be_left_aside_and_why(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p1/notes.xyz": "notes", "p1/other.png": "", "p1/image.meta.json": "{}"})

    aside = {item["path"]: (item["state"], item["reason"]) for item in planned(site)["aside"]}

    assert {path: state for path, (state, _) in aside.items()} == {
        "p1/notes.xyz": "unmatched",
        "p1/other.png": "superseded",
        "p1/image.meta.json": "metadata",
    }
    site.sync()
    assert {path: (site.files()[path][0], site.why(path)) for path in aside} == aside


def test_a_plan_makes_no_ledger_and_changes_nothing_on_the_server(site: Installation) -> None:
    site.configure(extra=DIRECTORY, project=True)
    site.write(PAIR)
    before = contents(site.folder / "share")

    assert site.run("plan", "--checksum").exit_code == 0

    assert {path.name for path in site.folder.iterdir()} == {"config.toml", "share", "token"}
    assert contents(site.folder / "share") == before
    stats = site.server.stats()
    assert (stats["data_files"], stats["units"], stats["bytes_received"]) == (0, 0, 0)
    assert {route.split()[0] for route in stats["requests"]} <= {"GET", "POST"}
    assert [route for route in stats["requests"] if route.startswith("POST")] == ["POST data_files/verify_checksums/"]


def test_a_plan_leaves_the_ledger_as_it_is(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.write({"p2/image.png": "another image", "p2/label.json": "another label", "p1/image.png": "a better image"})
    before, text = site.ledger.read_bytes(), site.ledger_text()

    plan = planned(site)

    assert [(unit["key"], unit["version"], unit["state"]) for unit in plan["units"]] == [("p2", 1, "described")]
    assert site.ledger.read_bytes() == before
    assert site.ledger_text() == text


def test_a_plan_with_checksums_knows_what_need_not_be_sent(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.write({"p2/image.png": "an image", "p2/label.json": "another label"})

    assert planned(site)["totals"]["bytes_to_send"] == len("an image") + len("another label")
    assert planned(site, "--checksum")["totals"]["bytes_to_send"] == len("another label")


def test_a_plan_says_what_will_be_held_and_why(site: Installation) -> None:
    site.configure(extra=DIRECTORY, schema={"required": ["site"]})
    site.write({**PAIR, "p2/a.png": "1", "p2/b.png": "2", "p2/label.json": "3", "p3/image.png": "4"})

    result = site.run("plan", "--json")

    assert result.exit_code == 1
    reasons = {unit["key"]: (unit["state"], unit["reason"]) for unit in result.json["feeds"][0]["units"]}
    assert reasons == {
        "p1": ("held", "its meta does not fit the collection's schema: meta: 'site' is a required property"),
        "p2": ("held", "2 files for image_1: p2/a.png and p2/b.png"),
        "p3": ("forming", "waits for label_1"),
    }
    site.sync()
    assert {key: (site.states()[key], site.reason(key)) for key in reasons} == reasons


def test_a_plan_of_a_feed_that_can_not_run_says_why(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.share.rmdir()

    result = site.run("plan", "--json")

    assert result.exit_code == 1
    assert result.json["feeds"][0]["problem"].startswith(f"the folder {site.share} can't be listed")


def test_a_plan_without_the_server_serves_from_what_is_known(lonely_site: Installation) -> None:
    site = lonely_site
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.write({"p2/image.png": "another image", "p2/label.json": "another label"})
    site.server.stop()

    plan = planned(site)

    assert plan["problem"].startswith("planned without the server: ")
    assert [(unit["key"], unit["state"]) for unit in plan["units"]] == [("p2", "described")]


def test_a_plan_can_be_reviewed_as_a_workbook_in_which_text_stays_text(site: Installation) -> None:
    site.configure(extra=DIRECTORY + '[feeds.metadata]\nvalues = {site = "=1+1", age = 45}\n')
    site.write({**PAIR, "=cmd/image.png": "an image", "p1/notes.xyz": "notes"})

    assert site.run("plan", "--xlsx", str(site.folder / "plan.xlsx")).exit_code == 0

    book = load_workbook(site.folder / "plan.xlsx")
    assert book.sheetnames == ["feeds", "units", "left aside"]
    columns, *units = book["units"].values
    found = {row[1]: dict(zip(columns, row, strict=True)) for row in units}
    assert found["p1"]["files"] == "image_1: p1/image.png; label_1: p1/label.json"
    assert (found["p1"]["site"], found["p1"]["age"]) == ("=1+1", 45)
    assert found["=cmd"]["state"] == "forming"
    assert all(cell.data_type != "f" for sheet in book for row in sheet.rows for cell in row)
    assert [row[2] for row in book["left aside"].values][1:] == ["p1/notes.xyz"]


def test_a_workbook_that_cannot_be_written_is_told(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    printed = site.type("plan", "--xlsx", str(site.folder / "nowhere" / "plan.xlsx"))
    assert printed.exit_code == 2
    assert "can't be written" in printed.stderr


def test_what_was_inferred_stays_until_somebody_asks_for_it_anew(site: Installation) -> None:
    site.configure()
    site.write([f"a/{number}.{ending}" for number in range(5) for ending in ("png", "json")])
    assert site.sync().feed["grouping"].startswith("Grouping by stem")
    site.write([f"p{number}/{name}" for number in range(200) for name in ("scan.png", "boxes.json")])

    site.sync()
    assert site.sync().feed["grouping"].startswith("Grouping by stem")
    assert site.sync("--infer-again").feed["grouping"].startswith("Grouping by directory")
    assert len(site.server.units(site.collection)) >= 200


def test_a_plan_asks_v2_what_it_says_of_units_whose_contents_it_has(site: Installation) -> None:
    specs = [IMAGE, {**LABEL, "file_type": "data"}]
    site.configure(specs=specs, extra=DIRECTORY, head='api = "v2"')
    files = [f"p{number}/{name}" for number in range(5) for name in ("image.png", "label.json")]
    site.write(files)
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=400, times=None)
    site.sync()
    site.server.clear_faults()
    site.run("retry", "--all")
    site.server.reset_stats()

    says = {unit["key"]: unit["server_says"] for unit in planned(site, "--checksum")["units"]}

    assert says == dict.fromkeys(says, "would take it")
    assert len(says) == 5
    assert site.server.units(site.collection) == []

    refuse(site, "p3", api="v2")
    says = {unit["key"]: unit["server_says"] for unit in planned(site, "--checksum")["units"]}
    assert "p3" in says["p3"]
    assert [key for key, words in says.items() if words == "would take it"] == ["p0", "p1", "p2", "p4"]
