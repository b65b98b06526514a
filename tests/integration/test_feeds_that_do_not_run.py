"""Feeds that left the config or wait, destinations that change, clocks and mounts that jump: nothing is stuck."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from .conftest import DIRECTORY, PAIR, Installation
from .test_refusals import lose

VALUES = '[feeds.metadata]\nvalues = {site = "Seoul"}\n'


def change_ledger(site: Installation, statement: str, *values: Any) -> None:
    """What time or another machine would have done to the ledger."""
    with sqlite3.connect(site.folder / "ledger.db") as connection:
        connection.execute(statement, values)
    connection.close()


def rename_feed(site: Installation) -> None:
    """Another name for the same feed: to the ledger, another feed."""
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('name = "scans"', 'name = "pictures"'))


def test_content_that_waited_in_a_feed_that_was_removed_goes_with_the_feed_that_has_it_now(
    site: Installation, impatient: None
) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=503, times=None)
    site.sync()
    site.server.clear_faults()
    rename_feed(site)

    assert site.sync().exit_code == 0

    units = {unit["feed"]: unit["state"] for unit in site.run("units", "--json").json}
    assert units == {"scans": "duplicate", "pictures": "registered"}
    assert len(site.server.units(site.collection)) == 1


def test_a_feed_that_was_removed_needs_nobodys_attention(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "a", "p1/image2.png": "b", "p1/label.json": "c"})
    assert site.sync().exit_code == 1
    rename_feed(site)
    (site.share / "p1/image2.png").unlink()

    assert site.sync().exit_code == 0

    status = site.run("status", "--json")
    assert status.exit_code == 0
    assert {feed["name"]: feed["configured"] for feed in status.json["feeds"]} == {"scans": False, "pictures": True}


def test_a_feed_that_stays_paused_writes_nothing(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.share.rmdir()
    assert site.sync().exit_code == 1
    runs = site.run("runs", "--json").json

    assert site.sync().exit_code == 1

    assert site.run("runs", "--json").json == runs


def test_a_new_version_binds_contents_of_its_own_destination(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head='tenant = "one"', feed='on_change = "new_unit"')
    site.write(PAIR)
    site.sync()
    site.configure(extra=DIRECTORY, head='tenant = "two"', feed='on_change = "new_unit"')
    site.write({"p1/image.png": "another image"})

    assert site.sync().exit_code == 0

    connection = sqlite3.connect(site.folder / "ledger.db")
    foreign = connection.execute(
        "SELECT count(*) FROM units AS u JOIN unit_files AS f ON f.unit = u.id JOIN contents AS c ON c.id = f.content "
        "WHERE c.destination <> u.destination"
    ).fetchone()[0]
    connection.close()
    assert (site.states(), foreign) == ({"p1": "registered", "p1#2": "registered"}, 0)


def test_a_content_that_the_server_lost_is_sent_again_although_something_failed_before(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    lose(site, "an image")
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=503, retry_after=0)
    site.write({"p2/image.png": "an image", "p2/label.json": "another label"})

    site.sync()

    assert site.states()["p2"] == "registered"


def test_files_seen_while_the_clock_was_ahead_settle(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync("--no-wait")
    change_ledger(site, "UPDATE files SET observed_at = observed_at + 1e8")

    site.sync()

    assert site.states() == {"p1": "registered"}


@pytest.mark.parametrize("duplicates", ["skip", "register"])
def test_a_rename_is_recognised_after_the_share_was_mounted_under_another_device_number(
    site: Installation, duplicates: str
) -> None:
    site.configure(extra=DIRECTORY, feed=f'duplicates = "{duplicates}"', head='api = "v1"')
    site.write(PAIR)
    site.sync()
    root = site.share.stat()
    change_ledger(site, "UPDATE files SET device = device + 1")
    change_ledger(site, "UPDATE feeds SET roots = ?", json.dumps({"": [root.st_dev + 1, root.st_ino]}))
    site.sync()
    (site.share / "p1").rename(site.share / "q1")
    site.sync()

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert len(site.server.units(site.collection)) == 1


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"site": {"$ref": "#/definitions/none"}}}, "definitions/none, which it does not have"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, "refers to http://127.0.0.1:9/schema.json"),
    ],
)
def test_a_schema_that_refers_to_nothing_holds_its_units_and_nothing_is_fetched(
    site: Installation, schema: dict[str, Any], words: str
) -> None:
    site.configure(extra=DIRECTORY + VALUES, schema=schema)
    site.write(PAIR)

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held"}
    assert words in site.reason("p1")


def test_a_plan_ends_with_the_exit_code_of_the_run_that_follows(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p1/" + "/".join(["d" * 200] * 6) + "/scan.dcm": "its path is too long"})

    planned = site.run("plan", "--json")

    assert planned.exit_code == site.sync().exit_code == 1
    assert planned.json["feeds"][0]["attention"][0]["state"] == "held"
