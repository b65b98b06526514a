"""Metadata that changes after registration: told always, sent where the feed says so, and the old value stays known."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from .conftest import IMAGE, Installation

BY_STEM = '[feeds.grouping]\nby = "stem"\n'
UPDATING = "[feeds.metadata]\nupdate_meta = true\n"
V2 = 'api = "v2"'
V2_IMAGE = {**IMAGE, "file_type": "image"}


def configure(site: Installation, metadata: str = "", head: str = V2, **more: Any) -> None:
    site.configure(specs=[V2_IMAGE], extra=BY_STEM + metadata, head=head, **more)


def meta(site: Installation, key: str = "P1") -> dict[str, Any]:
    (found,) = [u["meta"] for u in site.server.units(site.collection) if u["meta"]["data_unit_key"] == key]
    return dict(found)


def changes(site: Installation) -> dict[str, list[str]]:
    listed = site.run("units", "--meta-changed", "--json").json
    return {unit["key"]: unit["meta_changes"] for unit in listed}


def register(site: Installation) -> None:
    site.write(["P1.png", "P2.png"])
    site.write({"meta.csv": "filename,age\nP1,45\nP2,50\n"})
    assert site.sync().exit_code == 0


@pytest.mark.parametrize("head", [V2, 'api = "v1"'], ids=["v2", "v1"])
def test_a_row_that_changes_is_told_and_changes_nothing_by_itself(site: Installation, head: str) -> None:
    configure(site, head=head)
    register(site)
    site.write({"meta.csv": "filename,age,site\nP1,46,Seoul\nP2,50,\n"})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["meta_changed"] == 1
    assert changes(site) == {"P1": ['age: "45" → "46"', 'site: nothing → "Seoul"']}
    assert meta(site)["age"] == "45"
    assert len(site.server.units(site.collection)) == 2

    site.write({"meta.csv": "filename,age\nP1,45\nP2,50\n"})
    site.sync()
    assert changes(site) == {}


def test_with_update_meta_the_server_gets_it_and_history_keeps_the_old_value(site: Installation) -> None:
    configure(site, UPDATING)
    register(site)
    site.write({"meta.csv": "filename,age\nP1,46\nP2,50\n"})

    outcome = site.sync()

    assert (outcome.exit_code, outcome.counts["meta_updated"]) == (0, 1)
    assert meta(site)["age"] == "46"
    assert meta(site, "P2")["age"] == "50"
    assert changes(site) == {}
    (story,) = site.run("units", "show", "P1", "--json").json
    assert story["meta"]["age"] == "46"
    assert ("meta_updated", 'age: "45" → "46"') in {(move["code"], move["detail"]) for move in story["history"]}
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert "PATCH v2/data-units/{id}/" not in site.server.stats()["requests"]


def test_a_sidecar_and_the_config_count_too(site: Installation) -> None:
    configure(site, UPDATING + "sidecar = true\n")
    site.write({"P1.png": "an image", "P1.meta.json": '{"age": 1}'})
    assert site.sync().exit_code == 0
    site.write({"P1.meta.json": '{"age": 2}'})
    assert site.sync().exit_code == 0
    assert meta(site)["age"] == 2

    configure(site, UPDATING + 'sidecar = true\nvalues = {site = "Seoul"}\n')
    assert site.sync().exit_code == 0
    assert meta(site)["site"] == "Seoul"


def test_meta_that_breaks_the_schema_is_told_and_not_sent(site: Installation) -> None:
    configure(site, UPDATING, schema={"properties": {"age": {"type": "integer"}}})
    register(site)
    site.write({"meta.csv": "filename,age\nP1,old\nP2,50\n"})

    assert site.sync().exit_code == 0

    assert "'old' is not of type 'integer'" in changes(site)["P1"][0]
    assert meta(site)["age"] == 45


def test_what_the_server_refuses_is_told_once_and_made_again_when_it_changes(site: Installation) -> None:
    configure(site, UPDATING)
    register(site)
    site.server.fault("PATCH v2/data-units/{id}/", "status", code=400, body={"error": {"message": "not that"}})
    site.write({"meta.csv": "filename,age\nP1,46\nP2,50\n"})

    assert site.sync().exit_code == 1
    assert "not that" in changes(site)["P1"][0]
    assert site.sync().exit_code == 0
    assert meta(site)["age"] == "45"

    site.write({"meta.csv": "filename,age\nP1,47\nP2,50\n"})
    assert site.sync().exit_code == 0
    assert meta(site)["age"] == "47"


def test_an_answer_that_was_lost_is_asked_for_again(site: Installation) -> None:
    configure(site, UPDATING)
    register(site)
    site.server.fault("PATCH v2/data-units/{id}/", "drop_after")
    site.write({"meta.csv": "filename,age\nP1,46\nP2,50\n"})

    assert site.sync().exit_code == 0

    assert meta(site)["age"] == "46"
    assert changes(site) == {}


def test_a_row_that_is_gone_takes_nothing_back(site: Installation) -> None:
    configure(site, UPDATING + 'table = "meta.csv"\n')
    register(site)
    site.write({"meta.csv": "filename,age\nP2,50\n"})

    assert site.sync().exit_code == 0
    assert meta(site)["age"] == "45"
    assert changes(site) == {}


def test_v1_cannot_change_units_and_says_so(site: Installation) -> None:
    configure(site, UPDATING, head='api = "v1"')
    printed = site.type("config", "check")
    assert printed.exit_code == 2
    assert "only v2 can change registered units" in printed.stderr


@pytest.mark.parametrize("gone", ["the sidecar", "the whole unit", "the table", "a row of a found table"])
def test_what_is_gone_takes_nothing_back_from_the_server(site: Installation, gone: str) -> None:
    configure(site, UPDATING + "sidecar = true\n")
    site.write({"d/P1.png": "an image", "d/P1.json": '{"age": 45}', "meta.csv": "filename,site\nP1,Seoul\nP2,x\n"})
    assert site.sync().exit_code == 0
    if gone == "the sidecar":
        (site.share / "d/P1.json").unlink()
    elif gone == "the whole unit":
        shutil.rmtree(site.share / "d")
        (site.share / "d").mkdir()
    elif gone == "the table":
        (site.share / "meta.csv").unlink()
    else:
        site.write({"meta.csv": "filename,site\nP2,x\n"})

    for _ in range(2):
        assert site.sync().exit_code == 0

    (unit,) = site.server.units(site.collection)
    assert (unit["meta"]["age"], unit["meta"]["site"]) == (45, "Seoul")
    assert changes(site) == {}


def test_a_change_while_a_registration_is_awaited_is_not_lost(site: Installation, impatient: None) -> None:
    configure(site, UPDATING)
    site.write({"P1.png": "an image", "meta.csv": "filename,age\nP1,45\n"})
    site.server.fault("*bulk-create*", "drop_after", times=None)
    site.sync()
    site.write({"meta.csv": "filename,age\nP1,46\n"})
    site.sync()
    site.server.clear_faults()
    site.run("retry", "--all")

    for _ in range(2):
        site.sync()

    assert meta(site)["age"] == "46"


def test_retry_sends_again_what_the_server_refused(site: Installation) -> None:
    configure(site, UPDATING)
    register(site)
    site.server.fault("PATCH v2/data-units/{id}/", "status", code=404, body={"error": {"message": "not there"}})
    site.write({"meta.csv": "filename,age\nP1,46\nP2,50\n"})
    assert site.sync().exit_code == 1

    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    assert meta(site)["age"] == "46"
    assert site.run("runs", "--json").json[0]["counts"]["rows_without_unit"] == 0


@pytest.mark.parametrize("source", ["table", "sidecar"])
def test_a_unit_that_is_ready_goes_with_what_has_been_listed_meanwhile(
    site: Installation, source: str, impatient: None
) -> None:
    configure(site, "[feeds.metadata]\nsidecar = true\n")
    names = {"table": ("meta.csv", "filename,age\nP1,{}\n"), "sidecar": ("P1.json", '{{"age": "{}"}}')}
    name, content = names[source]
    site.write({"P1.png": "an image", name: content.format(1)})
    site.server.fault("*bulk-create*", "status", code=429, times=None)
    site.sync()
    site.server.clear_faults()
    site.run("retry", "--all")
    site.write({name: content.format(2)})

    assert site.sync().exit_code == 0
    assert meta(site)["age"] == "2"
