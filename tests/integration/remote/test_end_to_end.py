"""From a remote place into a collection, through the command line: exactly once."""

from __future__ import annotations

from ..conftest import STEM, Installation, stored
from .feeds import PATIENTS, configured, fill
from .places import RemotePlace, SftpFolder


def test_each_unit_is_registered_once_and_a_second_run_changes_nothing(site: Installation, remote: RemotePlace) -> None:
    fill(remote)
    configured(site, remote)
    first = site.sync()
    assert first.exit_code == 0
    assert first.counts["list_requests"] >= 1
    assert set(site.units()) == set(PATIENTS)
    before = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == before
    assert stored("image of p3") in {unit["image_1"] for unit in site.registered()}


def test_plan_why_and_config_check_know_the_place(site: Installation, remote: RemotePlace) -> None:
    fill(remote)
    configured(site, remote)
    assert remote.url in site.type("config", "check").stdout
    planned = site.run("plan", "--json").json["feeds"][0]
    assert planned["totals"]["to_register"] == len(PATIENTS)
    site.sync()
    (story,) = site.run("why", f"{remote.url}/p1/image.png", "--json").json
    assert story["unit"]["state"] == "registered"
    assert site.run("files", "show", f"{remote.url}/p1/image.png", "--json").json[0]["unit"] == "scans:p1"


def test_plan_waits_for_nothing_where_files_must_be_seen_twice(site: Installation, sftp: SftpFolder) -> None:
    fill(sftp)
    configured(site, sftp)

    assert site.run("plan", "--json").json["feeds"][0]["totals"]["to_register"] == len(PATIENTS)


def test_images_of_a_share_and_labels_of_a_remote_place_make_units(site: Installation, remote: RemotePlace) -> None:
    site.write({f"{patient}.png": f"image of {patient}" for patient in PATIENTS})
    for patient in PATIENTS:
        remote.put(f"{patient}.json", f"label of {patient}".encode())
    site.configure(
        extra=f'{STEM}[feeds.assets.image_1]\npath = "share"\n[feeds.assets.label_1]\npath = "{remote.url}"\n'
        f"[feeds.assets.label_1.remote]\n{remote.table}"
    )
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert {(unit["image_1"], unit["label_1"]) for unit in site.registered()} == {
        (stored(f"image of {patient}"), stored(f"label of {patient}")) for patient in PATIENTS
    }


def test_doctor_reaches_it_lists_it_and_reads_a_byte(site: Installation, remote: RemotePlace) -> None:
    fill(remote)
    configured(site, remote)
    findings = [one for one in site.run("doctor", "--json").json["findings"] if one["area"] == "folder"]
    assert [(one["level"], one["name"]) for one in findings] == [("ok", "readable"), ("ok", "contents")]
    assert remote.url in findings[0]["words"]
    remote.remove()
    (finding,) = [one for one in site.run("doctor", "--json").json["findings"] if one["area"] == "folder"]
    assert finding["level"] == "problem"
    assert remote.url in finding["words"]
    assert finding["remedy"]
