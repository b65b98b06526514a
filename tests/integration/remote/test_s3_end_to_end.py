"""From a bucket into a collection, through the command line: exactly once."""

from __future__ import annotations

from ..conftest import STEM, Installation, stored
from .feeds import PATIENTS, configured, fill
from .places import Bucket


def test_each_unit_of_a_bucket_is_registered_once_and_a_second_run_changes_nothing(
    site: Installation, bucket: Bucket
) -> None:
    fill(bucket)
    configured(site, bucket)
    first = site.sync()
    assert first.exit_code == 0
    assert first.counts["list_requests"] == 1
    assert set(site.units()) == set(PATIENTS)
    before = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == before
    assert stored("image of p3") in {unit["image_1"] for unit in site.registered()}


def test_plan_why_and_config_check_know_the_bucket(site: Installation, bucket: Bucket) -> None:
    fill(bucket)
    configured(site, bucket)
    assert bucket.url in site.type("config", "check").stdout
    planned = site.run("plan", "--json").json["feeds"][0]
    assert planned["totals"]["to_register"] == len(PATIENTS)
    site.sync()
    (story,) = site.run("why", f"{bucket.url}/p1/image.png", "--json").json
    assert story["unit"]["state"] == "registered"
    assert site.run("files", "show", f"{bucket.url}/p1/image.png", "--json").json[0]["unit"] == "scans:p1"


def test_images_of_a_share_and_labels_of_a_bucket_make_units(site: Installation, bucket: Bucket) -> None:
    site.write({f"{patient}.png": f"image of {patient}" for patient in PATIENTS})
    for patient in PATIENTS:
        bucket.put(f"{patient}.json", f"label of {patient}".encode())
    site.configure(
        extra=f'{STEM}[feeds.assets.image_1]\npath = "share"\n[feeds.assets.label_1]\npath = "{bucket.url}"\n'
        f'[feeds.assets.label_1.remote]\nendpoint_url = "http://127.0.0.1:{bucket.port}"\n'
    )
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert {(unit["image_1"], unit["label_1"]) for unit in site.registered()} == {
        (stored(f"image of {patient}"), stored(f"label of {patient}")) for patient in PATIENTS
    }
