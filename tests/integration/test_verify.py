"""`verify`: what the ledger says was registered is held against what the server has; --repair makes it again."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from .conftest import DIRECTORY, PAIR, Installation, stored

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}
SECOND: dict[str, bytes | str] = {"p2/image.png": "another image", "p2/label.json": "another label"}
APIS = pytest.mark.parametrize("api", ['api = "v1"', 'api = "v2"'], ids=["v1", "v2"])


def delete_unit(site: Installation, key: str) -> None:
    """Somebody deletes a unit in Synapse."""
    found = next(unit["id"] for unit in site.server.units(site.collection) if unit["meta"]["data_unit_key"] == key)
    site.in_backend(lambda db: db.execute("DELETE FROM units WHERE id = ?", (found,)))


def verified(site: Installation, code: int, *arguments: str) -> dict[str, Any]:
    """What `verify --json` says of the only collection."""
    outcome = site.run("verify", "--json", *arguments)
    assert outcome.exit_code == code, outcome.stdout
    [found] = outcome.json["collections"]
    return found  # type: ignore[no-any-return]


@APIS
def test_where_everything_is_there_nothing_is_wrong_and_nothing_written(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api)
    site.write({**PAIR, **SECOND})
    site.sync()
    before = site.ledger_text()

    found = verified(site, 0)

    assert found["counts"] == {"listed": 2, "ours": 2, "missing": 0, "extra": 0, "different": 0, "lacking": 0}
    assert site.ledger_text() == before
    assert "2 units there, 2 of this ledger; 0 missing" in site.type("verify").stdout


@APIS
def test_a_unit_that_was_deleted_is_told_and_made_again_with_repair(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write({**PAIR, **SECOND})
    site.sync()
    delete_unit(site, "p1")

    found = verified(site, 1)
    assert [(one["key"], one["repairable"]) for one in found["missing"]] == [("p1", True)]
    assert site.sync().exit_code == 0
    assert len(site.registered()) == 1, "an audit alone repairs nothing"

    assert verified(site, 1, "--repair", "--yes")["put_back"] == 1
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert REGISTERED in site.registered()
    assert len(site.registered()) == 2
    assert site.received() == 0, "its content is there"
    assert len(site.server.tasks(site.project)) == 2
    assert verified(site, 0)["counts"]["ours"] == 2


def test_repair_asks_first(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    delete_unit(site, "p1")
    monkeypatch.setattr("typer.confirm", lambda *_args, **_options: False)

    assert verified(site, 1, "--repair")["put_back"] == 0

    site.sync()
    assert site.registered() == []


def test_a_unit_whose_files_are_gone_or_changed_cannot_be_made_again(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, **SECOND})
    site.sync()
    delete_unit(site, "p1")
    delete_unit(site, "p2")
    (site.share / "p1/image.png").unlink()
    site.write({"p2/image.png": "changed"})
    site.sync()

    found = verified(site, 1, "--repair", "--yes")

    assert [one["repairable"] for one in found["missing"]] == [False, False]
    assert found["put_back"] == 0


def test_units_of_others_are_counted_and_are_no_fault(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    for path in site.folder.glob("ledger.db*"):
        path.unlink()
    site.write(SECOND)
    for name in PAIR:
        (site.share / name).unlink()
    site.sync()

    found = verified(site, 0)

    assert found["counts"]["extra"] == 1
    assert len(found["extra"]) == 1


def test_on_v1_other_files_than_were_registered_are_told(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head='api = "v1"')
    site.write({**PAIR, **SECOND})
    site.sync()
    site.in_backend(
        lambda db: db.execute(
            "UPDATE unit_files SET data_file = (SELECT id FROM data_files WHERE content = ?) WHERE spec = 'image_1'",
            (stored("another image"),),
        )
    )

    found = verified(site, 1)

    assert [one["key"] for one in found["different"]] == ["p1"]
    assert "as image_1, sent was" in found["different"][0]["why"]


def test_content_that_the_server_lost_is_told(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.in_backend(
        lambda db: db.execute("UPDATE data_files SET checksum = 'gone' WHERE content = ?", (stored("an image"),))
    )

    found = verified(site, 1)

    assert found["lacking"] == ["p1/image.png"]


def test_a_server_that_cannot_be_reached_is_no_verdict(lonely_site: Installation) -> None:
    site = lonely_site
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    site.server.stop()

    assert site.type("verify").exit_code == 3


@APIS
def test_a_rebuilt_ledger_costs_neither_bytes_nor_units_nor_tasks(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True, feed='existing = "ignore"')
    site.write({**PAIR, **SECOND})
    site.sync()
    units = site.server.units(site.collection)
    site.ledger.write_bytes(b"\x00garbage" * 1000)
    assert site.sync().exit_code == 4
    site.server.reset_stats()

    said = site.type("ledger", "rebuild", "--yes")

    assert said.exit_code == 0, said.stderr
    assert len(list(site.folder.glob("ledger.db.replaced-*"))) == 1
    outcome = site.sync()
    assert outcome.exit_code == 0
    assert outcome.counts["reused"] == 2
    assert site.received() == 0
    assert site.server.units(site.collection) == units
    assert len(site.server.tasks(site.project)) == 2
    assert verified(site, 0)["counts"]["ours"] == 2


@pytest.mark.parametrize("command", [("ledger", "rebuild"), ("verify", "--repair")])
def test_where_nobody_can_answer_the_option_is_named(site: Installation, command: tuple[str, ...]) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    delete_unit(site, "p1")

    asked = site.process(*command, stdin=subprocess.DEVNULL)
    _, said = asked.communicate(timeout=60)

    assert asked.returncode == 2
    assert said.splitlines()[-2].startswith("error: there is no terminal")
    assert "give --yes" in said.splitlines()[-1]


def test_a_rebuild_that_cannot_recognise_units_leaves_the_feed_paused(lonely_site: Installation) -> None:
    from dataclasses import replace

    site = lonely_site
    site.server.options = replace(site.server.options, v1_listing="bare")
    site.server.restart()
    site.configure(extra=DIRECTORY, head='api = "v1"', feed='existing = "ignore"')
    site.write(PAIR)
    site.sync()

    said = site.type("ledger", "rebuild", "--yes")

    assert "1 of which show nothing to recognise them by: the feed stays paused" in said.stdout
    assert site.sync().exit_code == 1
    assert "does not show what they are made of" in site.run("status", "--json").json["feeds"][0]["paused"]
    assert len(site.registered()) == 1


def test_a_unit_that_is_forgotten_is_new_to_the_next_run(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head='api = "v1"')
    site.write({**PAIR, "p2/image.png": "lonely"})
    site.sync()
    assert site.states() == {"p1": "registered", "p2": "forming"}

    assert site.type("forget", "p2").exit_code == 0
    refused = site.type("forget", "p1")
    assert (refused.exit_code, "--registered forgets it all the same" in refused.stderr) == (2, True)
    assert site.states() == {"p1": "registered"}
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "forming"}

    assert "is registered again" in site.type("forget", "p1", "--registered").stdout
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED, REGISTERED], "as it was announced"


def test_a_forgotten_unit_makes_room_for_its_duplicate(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed="max_units_per_run = 1")
    site.write({**PAIR, "p2/image.png": "i", "p2/label.json": "l", "p3/image.png": "i", "p3/label.json": "l"})
    site.sync()
    waiting = next(key for key, state in site.states().items() if state == "ready")
    for name in ("image.png", "label.json"):
        (site.share / waiting / name).unlink()

    site.run("forget", waiting)

    assert site.sync().exit_code in (0, 1)
    assert sum(state == "registered" for state in site.states().values()) == 2
