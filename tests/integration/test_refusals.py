"""What the server, its schema or the network refuses: the guilty one alone waits, nothing is lost or doubled."""

from __future__ import annotations

import json
import re

import pytest

from synapse_sync.devserver.store import Database
from synapse_sync.steps.beginning import BAD

from .conftest import DIRECTORY, IMAGE, LABEL, PAIR, Installation, stored

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}
V2 = 'api = "v2"'


def pairs(*keys: str) -> dict[str, bytes | str]:
    """A pair of files for each key."""
    return {f"{key}/{name}": f"{name} of {key}" for key in keys for name in ("image.png", "label.json")}


def test_a_strict_schema_gets_no_key_that_it_has_no_place_for(site: Installation) -> None:
    schema = {"type": "object", "properties": {"data_unit_key": {}, "site": {}}, "additionalProperties": False}
    site.configure(extra=DIRECTORY + '[feeds.metadata]\nvalues = {site = "Seoul"}\n', schema=schema)
    site.write(PAIR)

    assert site.sync().exit_code == 0

    assert site.server.units(site.collection)[0]["meta"] == {"data_unit_key": "p1", "site": "Seoul"}


def test_without_a_schema_a_unit_tells_where_it_comes_from(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/Image.PNG": "an image", "p1/label.json": "a label"})

    assert site.sync().exit_code == 0

    meta = site.server.units(site.collection)[0]["meta"]
    assert {**meta, "sync_key": ""} == {
        "data_unit_key": "p1",
        "origin_file_stem": "Image",
        "origin_file_extension": ".png",
        "sync_key": "",
    }


def test_meta_that_breaks_the_schema_is_held_before_a_byte_is_sent(site: Installation) -> None:
    schema = {"type": "object", "required": ["patient"], "properties": {"site": {"enum": ["Busan"]}}}
    site.configure(extra=DIRECTORY + '[feeds.metadata]\nvalues = {site = "Seoul"}\n', schema=schema)
    site.write(PAIR)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert site.states() == {"p1": "held"}
    assert site.reason("p1") == (
        "its meta does not fit the collection's schema: meta: 'patient' is a required property; "
        "site: 'Seoul' is not one of ['Busan'] (from values in the config)"
    )
    assert site.received() == 0
    assert "read_files" not in outcome.counts


def refuse(site: Installation, *keys: str, api: str = "v2") -> None:
    """The server refuses these units: its schema has changed, and a cache still gives out the collection without it."""
    route = "data_collections/{id}/" if api == "v1" else "v2/data-collections/{id}/"
    spec = {"id": 1, "file_type": "image", "extensions": [".png"], "is_required": True}
    label = {**LABEL, "id": 2} if api == "v1" else {**LABEL, "id": 2, "file_type": "data"}
    stale = {
        "id": site.collection,
        "name": "scans",
        "meta": {},
        "file_specifications": [{**spec, "name": "image_1"}, label],
    }
    site.server.fault(f"GET {route}", "status", code=200, times=None, body=stale)
    site.change_collection(schema={"properties": {"data_unit_key": {"not": {"enum": list(keys)}}}})


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_one_refused_unit_takes_no_other_down(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    refuse(site, "p3", api=api)
    site.write(pairs("p1", "p2", "p3", "p4", "p5", "p6"))

    assert site.sync().exit_code == 1

    assert site.states() == {
        key: "held" if key == "p3" else "registered" for key in ("p1", "p2", "p3", "p4", "p5", "p6")
    }
    assert site.units().keys() == {"p1", "p2", "p4", "p5", "p6"}
    assert site.reason("p3").startswith("the server refuses it: could not register unit p3 ")
    assert "'p3' should not be valid under {'enum': ['p3']}" in site.reason("p3"), "in the server's own words"


def test_a_refused_unit_is_not_sent_again_until_something_changes_or_a_person_says_so(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    refuse(site, "p1")
    site.write(PAIR)
    site.sync()
    site.server.reset_stats()

    assert site.sync().exit_code == 1
    assert site.requests("POST v2/data-units/bulk-create/") == 0

    site.change_collection(schema={})
    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.received() == 0, "its content is there"


def test_a_refused_unit_whose_files_are_deleted_is_no_more(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    refuse(site, "p1")
    site.write(PAIR)
    site.sync()
    for name in PAIR:
        (site.share / name).unlink()

    assert site.sync().exit_code == 0

    assert site.states() == {}


def lose(site: Installation, content: str) -> None:
    """The server loses a content that it had."""

    def delete(db: Database) -> None:
        named = "SELECT id FROM data_files WHERE checksum = ?"
        db.execute(f"DELETE FROM unit_files WHERE data_file IN ({named})", (stored(content),))
        db.execute("DELETE FROM data_files WHERE checksum = ?", (stored(content),))

    site.in_backend(delete)


def test_a_content_that_the_server_lost_is_sent_again(site: Installation) -> None:
    """It is remembered as being there, the server refuses the unit and names it, it is sent, the unit goes."""
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    lose(site, "an image")
    site.server.reset_stats()
    site.write({"p2/image.png": "an image", "p2/label.json": "another label", **pairs("p3")})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "registered", "p3": "registered"}
    assert site.registered()[1:] == [
        {"image_1": stored("image.png of p3"), "label_1": stored("label.json of p3")},
        {"image_1": stored("an image"), "label_1": stored("another label")},
    ]
    sent = ["an image", "another label", "image.png of p3", "label.json of p3"]
    assert site.received() == sum(map(len, sent))


def test_a_content_that_the_server_never_admits_to_have_is_sent_again_once(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    words = {"files": [f"there is no data file with checksum {stored('an image')}"]}
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=400, times=None, body=words)

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held"}
    assert site.received() == 2 * len("an image") + len("a label")
    assert site.requests("POST v2/data-units/bulk-create/") == 2


@pytest.mark.parametrize(
    ("route", "api"),
    [
        ("POST data_files/verify_checksums/", "v1"),
        ("POST v2/data-collections/{id}/upload-urls/", "v2"),
        ("POST v2/data-collections/{id}/finalize-upload/", "v2"),
        ("POST data_units/", "v1"),
        ("POST v2/data-units/bulk-create/", "v2"),
        ("GET data_collections/{id}/", "v1"),
    ],
)
def test_a_server_that_is_busy_for_a_moment_is_waited_for_within_the_run(
    site: Installation, route: str, api: str
) -> None:
    site.configure(extra=DIRECTORY, head=f'api = "{api}"')
    site.write(PAIR)
    site.server.fault(route, "status", code=503, retry_after=1)

    outcome = site.sync()

    assert outcome.exit_code == 0, outcome.stdout
    assert site.registered() == [REGISTERED]
    assert outcome.feed["run"]["problems"] == []


def test_a_server_that_stays_busy_is_left_for_a_later_run(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault("PUT object/", "status", code=503, times=None, retry_after=60)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "the storage answered 503" in json.dumps(outcome.feed["run"]["problems"])
    site.server.clear_faults()
    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.received() == len("an image") + len("a label")


def test_a_firewall_that_refuses_one_file_holds_up_its_unit_alone(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY, head="[upload]\nworkers = 1")
    site.write(pairs("p1", "p2"))
    site.server.fault("PUT object/", "html", code=403)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert sorted(site.states().values()) == ["ready", "registered"]
    assert "by a proxy before the server" in json.dumps(outcome.feed["attention"])


def test_a_server_that_refuses_the_first_units_is_not_sent_thousands_more(site: Installation) -> None:
    """Whatever is wrong is wrong with all of them: the feed pauses until somebody has looked."""
    site.configure(extra=DIRECTORY, head="[upload]\nbatch_size = 20")
    site.write([f"p{number}/{name}" for number in range(100) for name in ("image.png", "label.json")])
    words = {"detail": "this collection is frozen"}
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=400, body=words, times=None)

    outcome = site.sync()

    assert outcome.exit_code == 1
    refused = re.search(r"the server refused its first (\d+) units and took none", outcome.feed["paused"])
    assert refused, outcome.feed["paused"]
    assert BAD <= int(refused[1]) < BAD + 20, "the first batch is what was there by then; one more at most follows it"
    assert "this collection is frozen" in outcome.feed["paused"]
    asked = site.requests("POST v2/data-units/bulk-create/")
    assert site.sync().exit_code == 1
    assert site.requests("POST v2/data-units/bulk-create/") == asked

    site.server.clear_faults()
    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    assert len(site.units()) == 100


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_the_first_unit_is_read_back_before_thousands_follow(site: Installation, api: str) -> None:
    """A server that shows something else than was sent is looked at by a person first; then the feed goes on."""
    specs = [IMAGE, {**LABEL, "file_type": "data"}]
    site.configure(specs=specs, extra=DIRECTORY, head=f'api = "{api}"\n[upload]\nbatch_size = 5')
    site.write([f"p{number}/{name}" for number in range(20) for name in ("image.png", "label.json")])
    route = "GET data_units/{id}/" if api == "v1" else "GET v2/data-units/{id}/"
    site.server.fault(route, "status", code=200, body={"id": 1, "meta": {"data_unit_key": "something else"}})

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert 'data_unit_key: "p' in outcome.feed["paused"]
    assert 1 <= len(site.server.units(site.collection)) <= 5, "no more than one batch"
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert len(site.units()) == 20
    assert site.requests(route) == 0


def test_a_server_that_does_not_show_units_is_no_hindrance(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault("GET data_units/{id}/", "status", code=404, body={"detail": "no"})
    assert site.sync().exit_code == 0
