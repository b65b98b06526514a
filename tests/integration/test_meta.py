"""Meta and groups from names and folders: what the server gets, and where the ledger says that it came from."""

from __future__ import annotations

import os

import pytest

from .conftest import IMAGE, LABEL, Installation

PAIRS = ["seoul/P1_45.png", "seoul/P1_45.json", "busan/P2_old.png", "busan/P2_old.json"]
KEYED = (
    '[feeds.grouping]\nby = "pattern"\nkey = "(?P<site>[^/]+)/(?P<patient>P[0-9]+)"\nunit_key = "{site}-{patient}"\n'
)
AGE = '[feeds.metadata]\nfilename = "_(?P<age>[0-9]+|old)"\nvalues = {site = "unknown", device = "CT"}\n'


def test_key_file_name_and_config_are_merged_and_remembered_with_their_source(site: Installation) -> None:
    site.configure(extra=KEYED + AGE)
    site.write(PAIRS)

    assert site.sync().exit_code == 0

    units = {unit["meta"]["data_unit_key"]: unit["meta"] for unit in site.server.units(site.collection)}
    assert units.keys() == {"seoul-P1", "busan-P2"}
    meta = units["seoul-P1"]
    assert (meta["site"], meta["patient"], meta["age"], meta["device"]) == ("seoul", "P1", "45", "CT")
    (story,) = site.run("units", "show", "seoul-P1", "--json").json
    assert story["meta_sources"]["site"] == "key, in seoul/P1_45.png"
    assert story["meta_sources"]["age"] == "filename, in seoul/P1_45.png"
    assert story["meta_sources"]["device"] == "values in the config"
    assert story["meta_overruled"] == [{"key": "site", "value": "unknown", "source": "values in the config"}]


def test_the_schema_decides_types_and_a_value_that_does_not_fit_is_told_with_its_source(site: Installation) -> None:
    site.configure(extra=KEYED + AGE, schema={"properties": {"age": {"type": "integer"}}})
    site.write(PAIRS)

    assert site.sync().exit_code == 1

    (unit,) = site.server.units(site.collection)
    assert unit["meta"]["age"] == 45
    assert site.states() == {"seoul-P1": "registered", "busan-P2": "held"}
    assert site.reason("busan-P2") == (
        "its meta does not fit the collection's schema: age: 'old' is not of type 'integer' "
        "(from filename, in busan/P2_old.png)"
    )


def test_an_expression_with_a_slash_is_searched_in_the_whole_path(site: Installation) -> None:
    site.configure(extra='[feeds.metadata]\nfilename = "^(?P<hospital>[^/]+)/"\n[feeds.grouping]\nby = "stem"\n')
    site.write(PAIRS)

    assert site.sync().exit_code == 0

    assert {unit["meta"]["hospital"] for unit in site.server.units(site.collection)} == {"seoul", "busan"}


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_groups_are_filled_from_folders_and_key(site: Installation, api: str) -> None:
    specs = [IMAGE, {**LABEL, "file_type": "data"}]
    site.configure(feed='groups = ["archive", "{dir1}", "{patient}"]', extra=KEYED, specs=specs, head=f'api = "{api}"')
    site.write(PAIRS)

    assert site.sync().exit_code == 0

    (story,) = site.run("units", "show", "seoul-P1", "--json").json
    assert story["groups"] == ["archive", "seoul", "P1"]
    units = {unit["meta"]["data_unit_key"]: unit for unit in site.server.units(site.collection)}
    assert units["busan-P2"]["groups"] == ["archive", "busan", "P2"]


def test_a_unit_without_the_folder_that_a_group_needs_waits_for_a_person(site: Installation) -> None:
    site.configure(feed='groups = ["{dir1}"]', extra='[feeds.grouping]\nby = "stem"\n')
    site.write(["a.png", "a.json"])

    assert site.sync().exit_code == 1

    assert site.reason("a") == 'a.png has no dir1 for the group "{dir1}"'
    assert site.received() == 0


def test_of_two_files_for_one_place_the_newest_goes_where_the_feed_says_so(site: Installation) -> None:
    site.configure(extra='[feeds.grouping]\nby = "directory"\non_ambiguous = "newest"\n')
    site.write({"p1/old.png": "an old image", "p1/label.json": "a label"})
    os.utime(site.share / "p1/old.png", (1_000_000_000, 1_000_000_000))
    site.write({"p1/new.png": "a new image"})

    assert site.sync().exit_code == 0

    assert site.units() == {"p1": {"image_1": "p1/new.png", "label_1": "p1/label.json"}}
    (story,) = site.run("files", "show", "p1/old.png", "--json").json
    assert (story["state"], story["reason"]) == (
        "superseded",
        'p1/old.png: p1/new.png is newer and fills image_1 (on_ambiguous = "newest")',
    )
    assert site.sync().exit_code == 0
    assert len(site.server.units(site.collection)) == 1


def test_a_rule_for_a_specification_that_the_collection_lacks_pauses_the_feed(site: Installation) -> None:
    site.configure(extra='[feeds.grouping]\nby = "pattern"\nrules = [{pattern = "*.png", spec = "picture_1"}]\n')
    site.write(["a.png"])

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "has rules for picture_1, but data collection" in outcome.feed["paused"]
