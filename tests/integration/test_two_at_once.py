"""Corners where two things happen at once: nothing is forgotten, nothing goes round in circles."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from synapse_sync.errors import LedgerFull
from synapse_sync.ledger import open_for_writing

from .conftest import DIRECTORY, PAIR, STEM, Installation, stored
from .test_content import sync_without_privilege

ASSETS = '[feeds.assets.image_1]\npath = "images"\n[feeds.assets.label_1]\npath = "labels"\n'
LIMIT = '[upload]\nmax_file_size = "100B"'
REGISTER = "POST v2/data-units/bulk-create/"


@pytest.mark.parametrize("name", ["p1/picture.png", "p1/image.jpg"])
def test_a_registered_file_that_another_takes_the_place_of_is_changed(site: Installation, name: str) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    (site.share / "p1/image.png").unlink()
    site.write({name: "another image"})

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p1#2": "held"}
    assert site.files()[name] == ("checksummed", "scans:p1 (version 2)")


def test_a_registered_file_that_comes_back_under_another_name_is_no_change(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    (site.share / "p1/image.png").unlink()
    site.write({"p1/picture.png": PAIR["p1/image.png"]})

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.files()["p1/picture.png"] == ("checksummed", "scans:p1")


@pytest.mark.parametrize(
    ("policy", "code", "states"),
    [
        ("hold", 1, {"p1": "registered", "p1#2": "held"}),
        ("new_unit", 1, {"p1": "registered", "p1#2": "held"}),
        ("ignore", 0, {"p1": "registered"}),
    ],
)
def test_a_late_file_that_wants_the_place_of_one_that_was_sent_is_told(
    site: Installation, policy: str, code: int, states: dict[str, str]
) -> None:
    site.configure(extra=DIRECTORY, feed=f'late_files = "{policy}"')
    site.write(PAIR)
    site.sync()
    site.write({"p1/image2.png": "another image"})

    assert site.sync().exit_code == code

    assert site.states() == states
    told = site.reason("p1") if policy != "ignore" else site.why("p1/image2.png")
    assert ("2 files for image_1" if policy != "ignore" else "it came after") in told


def test_a_registered_file_that_grows_above_the_limit_is_a_held_change(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=LIMIT)
    site.write(PAIR)
    site.sync()
    site.write({"p1/image.png": "x" * 200})

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p1#2": "held"}


def test_a_plan_holds_what_is_above_the_limit(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=LIMIT)
    site.write({**PAIR, "p1/image.png": "x" * 200})

    plan = site.run("plan", "--json")

    assert plan.exit_code == 1
    assert plan.json["feeds"][0]["totals"]["to_register"] == 0
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}


def test_a_run_ends_although_a_failed_unit_waits_for_a_file_that_is_changing(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault(REGISTER, "status", code=503, times=None)
    with monkeypatch.context() as impatient:
        impatient.setattr("synapse_sync.cli.sync.RETRYING", 0.0)
        site.sync()
    site.server.clear_faults()
    site.write({"p1/image.png": "changed"})
    time.sleep(2.1)  # the failed attempt is due again: it was put off by less than two seconds

    assert site.sync("--no-wait").exit_code == 1

    assert site.files()["p1/image.png"] == ("seen", "scans:p1")
    site.sync()
    assert site.registered() == [{"image_1": stored("changed"), "label_1": stored("a label")}]


def test_a_run_ends_although_a_held_version_waits_for_a_file_that_may_not_be_read(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.write({"p1/image.png": "changed"})
    site.sync()
    (site.share / "p1/label.json").chmod(0o000)
    sync_without_privilege(site)
    site.run("retry", "p1")

    assert sync_without_privilege(site).returncode == 1

    (site.share / "p1/label.json").chmod(0o644)
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p1#2": "registered"}


def test_a_new_version_that_loses_a_file_is_forming_until_it_is_back(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY, feed='on_change = "new_unit"')
    site.write(PAIR)
    site.sync()
    site.server.fault(REGISTER, "status", code=503, times=None)
    site.write({"p1/image.png": "changed"})
    site.sync()
    site.server.clear_faults()
    (site.share / "p1/label.json").unlink()
    site.run("retry", "--all")

    site.sync()

    assert site.states() == {"p1": "registered", "p1#2": "forming"}
    site.write({"p1/label.json": PAIR["p1/label.json"]})
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p1#2": "registered"}


def test_a_file_renamed_right_before_it_is_sent_goes_under_its_new_name(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault(REGISTER, "status", code=503, times=None)
    site.sync()
    site.server.clear_faults()
    (site.share / "p1/image.png").rename(site.share / "p1/picture.png")
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert site.units() == {"p1": {"image_1": "p1/picture.png", "label_1": "p1/label.json"}}


def test_files_of_an_asset_that_is_no_longer_configured_leave_their_waiting_unit(site: Installation) -> None:
    for name in ("images", "labels", "dicoms"):
        (site.folder / name).mkdir()
    (site.folder / "images/a.png").write_text("an image")
    (site.folder / "dicoms/a.dcm").write_text("a dicom")
    site.configure(extra=f'{ASSETS}[feeds.assets.dicom_1]\npath = "dicoms"\n{STEM}')
    site.sync()
    assert site.states() == {"a": "forming"}
    (site.folder / "labels/a.json").write_text("a label")

    site.configure(extra=ASSETS + STEM)

    assert site.sync().exit_code == 0
    assert site.units() == {"a": {"image_1": "a.png", "label_1": "a.json"}}


def test_a_key_that_another_grouping_has_registered_gets_its_next_version(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"P1/image.png": "an image", "P1/label.json": "a label"})
    site.sync()
    site.configure(extra=STEM)
    site.write({"P1.png": "another image", "P1.json": "another label"})

    assert site.sync().exit_code == 0

    assert site.states() == {"P1": "registered", "P1#2": "registered"}


def test_a_disk_that_is_full_is_told_as_such_each_time(tmp_path: Path) -> None:
    """SQLite rolls back by itself then; the connection goes on to serve once there is space."""
    with open_for_writing(tmp_path / "ledger.db", create=True) as ledger:
        assert ledger._writer is not None
        ledger._writer.execute("PRAGMA max_page_count = 1")  # as many pages as there are: no more
        for _ in range(2):
            with pytest.raises(LedgerFull), ledger.write() as transaction:
                transaction.run_many("add_feed", ({"name": f"{n}" + "x" * 900, "now": 0} for n in range(100)))
        ledger._writer.execute("PRAGMA max_page_count = 1000000")
        with ledger.write() as transaction:
            transaction.run("add_feed", name="scans", now=0)
        assert [row["name"] for row in ledger.query("all_feeds")] == ["scans"]


def test_a_file_that_comes_while_a_task_is_refused_is_late(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY, project=True)
    site.write(PAIR)
    site.server.fault("POST v2/tasks/bulk-create/", "status", code=503, times=None)
    site.sync()
    site.write({"p1/scan.dcm": "a late scan"})
    site.sync()
    site.server.clear_faults()
    site.server.fault("POST v2/tasks/bulk-create/", "status", code=400, times=None)
    site.run("retry", "--all")
    site.sync()
    assert site.states() == {"p1": "held"}
    site.server.clear_faults()
    site.run("retry", "p1")

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p1#2": "held"}
    assert site.files()["p1/scan.dcm"][1] == "scans:p1 (version 2)"


def test_a_unit_of_unknown_outcome_whose_files_changed_is_left_alone(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head='api = "v1"')
    site.write(PAIR)
    site.server.fault("POST data_units/", "drop_before")
    site.sync()
    site.write({"p1/image.png": "changed"})
    site.sync()
    before = site.ledger_text()

    site.sync()

    assert site.ledger_text() == before
    assert site.rows(f"SELECT count(*) FROM units WHERE decide_at > {time.time()}") == [(0,)], "no time makes it due"


def test_a_task_is_never_asked_of_another_tenant(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY, head='tenant = "one"', project=True)
    site.write(PAIR)
    site.server.fault("POST v2/tasks/bulk-create/", "status", code=503, times=None)
    site.sync()
    site.server.clear_faults()
    site.server.reset_stats()
    site.configure(extra=DIRECTORY, head='tenant = "two"', project=True)
    site.run("retry", "--all")

    site.sync()

    assert site.requests("POST v2/tasks/bulk-create/") == 0
    site.configure(extra=DIRECTORY, head='tenant = "one"', project=True)
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
