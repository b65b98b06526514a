"""Answers that don't say what happened: a success without words, a 503 after the fact, a refusal of what was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from .conftest import DIRECTORY, PAIR, Installation, stored
from .test_lost_answers import REGISTER, REGISTERED, TASKS, V1, V2
from .test_refusals import refuse

NO_UNITS = {"count": 0, "next": None, "previous": None, "results": []}
ISSUE = "POST data_files/presigned_upload/upload/"


def three(site: Installation) -> None:
    site.write({f"p{n}/{name}": f"{name} {n}" for n in range(3) for name in ("image.png", "label.json")})


def test_on_v1_a_503_may_come_after_the_units_were_made(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "status", code=503, processed=True)

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V1]) == 1


def test_on_v1_a_503_may_come_after_the_tasks_were_made(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "status", code=503, processed=True)

    assert site.sync().exit_code == 0

    assert len(site.server.tasks(site.project)) == 1
    assert site.requests(TASKS[V1]) == 1


@pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("body", ["", "{}"], ids=["nothing", "empty"])
def test_a_success_that_tells_of_no_task_is_asked_again(
    site: Installation,
    at_once: None,
    api: str,
    body: str,
) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[api], "status", code=200, body=body)

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert len(site.server.tasks(site.project)) == 1


def test_on_v1_what_was_made_of_a_refused_batch_is_not_made_again(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    three(site)
    site.server.fault(REGISTER[V1], "partial", count=1, code=400)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert len(site.registered()) == 3
    assert outcome.counts["registered"] == 3
    assert set(site.states().values()) == {"registered"}


def test_on_v1_a_refused_batch_is_left_until_it_is_known_what_was_made_of_it(
    site: Installation,
    impatient: None,
    at_once: None,
) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    three(site)
    site.server.fault(REGISTER[V1], "partial", count=1, code=400)
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    assert site.sync().exit_code == 1
    assert set(site.states().values()) == {"registering"}
    site.server.clear_faults()
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 3


def test_on_v1_a_refused_batch_waits_for_a_person_where_what_was_made_of_it_cannot_be_recognised(
    lonely_site: Installation,
) -> None:
    site = lonely_site
    site.server.options = replace(site.server.options, v1_listing="bare", v1_atomic=False)
    site.server.restart()
    site.configure(extra=DIRECTORY, head=V1)
    refuse(site, "p1", api="v1")
    three(site)

    for _ in range(2):
        assert site.sync().exit_code == 1
        site.run("retry", "--all")

    assert len(site.registered()) == 2, "the good ones, once"
    assert set(site.states().values()) == {"held"}
    assert site.reason("p0").startswith("outcome unknown: its registration may have made it (could not register 3 ")
    assert "does not show what the collection's units are made of" in site.reason("p0")
    assert site.requests(REGISTER[V1]) == 1
    site.run("retry", "p1")
    site.sync()
    assert site.reason("p1").startswith("the server refuses it: "), "alone, its refusal is about it"


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("listing", ["full", "files", "meta"])
def test_on_v1_a_refused_batch_is_halved_where_what_was_made_of_it_can_be_recognised(
    lonely_site: Installation, listing: Literal["full", "files", "meta"], atomic: bool
) -> None:
    site = lonely_site
    site.server.options = replace(site.server.options, v1_listing=listing, v1_atomic=atomic)
    site.server.restart()
    site.configure(extra=DIRECTORY, head=V1)
    refuse(site, "p1", api="v1")
    three(site)

    assert site.sync().exit_code == 1

    assert len(site.registered()) == 2
    assert site.states() == {"p0": "registered", "p1": "held", "p2": "registered"}
    assert site.reason("p1").startswith("the server refuses it: ")


def test_on_v1_a_refused_batch_is_halved_where_nothing_new_is_in_the_collection(lonely_site: Installation) -> None:
    """Whatever it shows of what is there: of a batch that made nothing there is nothing to be recognised."""
    site = lonely_site
    site.server.options = replace(site.server.options, v1_listing="bare")
    site.server.restart()
    site.configure(extra=DIRECTORY, head=V1)
    refuse(site, "p1", api="v1")
    three(site)

    assert site.sync().exit_code == 1

    assert site.states() == {"p0": "registered", "p1": "held", "p2": "registered"}
    assert len(site.registered()) == 2


def test_on_v1_a_refused_batch_is_left_while_the_list_does_not_show_what_was_made_before_it(
    site: Installation, impatient: None, at_once: None
) -> None:
    """A list that lags behind tells nothing of what was made of the batch."""
    site.configure(extra=DIRECTORY, head=V1)
    site.write({"p9/image.png": "image 9", "p9/label.json": "label 9"})
    assert site.sync().exit_code == 0
    three(site)
    site.server.fault(REGISTER[V1], "partial", count=1, code=400)
    site.server.fault("GET data_units/", "status", code=200, body=NO_UNITS)
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    assert site.sync().exit_code == 1
    assert len(site.registered()) == 2
    site.server.clear_faults()
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 4
    assert set(site.states().values()) == {"registered"}


def test_on_v1_a_list_that_does_not_show_what_was_made_before_tells_nothing_of_a_lost_answer(
    site: Installation, at_once: None
) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    assert site.sync().exit_code == 0
    site.write({"p2/image.png": "image.png 2", "p2/label.json": "label.json 2"})
    site.server.fault(REGISTER[V1], "drop_after")
    site.server.fault("GET data_units/", "status", code=200, body=NO_UNITS, times=None)

    assert site.sync().exit_code == 1

    assert len(site.registered()) == 2
    assert site.states() == {"p1": "registered", "p2": "held"}
    assert "does not show units that were made shortly before" in site.reason("p2")


def test_a_server_that_issues_nothing_at_all_is_asked_again_whether_it_issues_urls(lonely_site: Installation) -> None:
    site = lonely_site
    site.server.options = replace(site.server.options, provider="azure")
    site.server.restart()
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(ISSUE, "status", code=200, body="{}")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]


def test_urls_of_an_upload_whose_answer_was_lost_are_forgotten_once_the_server_has_its_content(
    site: Installation, impatient: None
) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    large = b"x" * (300 << 10)
    site.write({**PAIR, "p1/image.png": large})
    site.server.fault("POST data_files/presigned_upload/confirm_upload/", "drop_after", times=None)
    site.sync()
    site.server.clear_faults()
    assert site.rows("SELECT count(*) FROM uploads") == [(1,)]
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert site.registered() == [{**REGISTERED, "image_1": stored(large)}]
    assert site.rows("SELECT count(*) FROM uploads") == [(0,)]


def test_on_v1_a_unit_that_is_found_may_have_its_task_already(site: Installation) -> None:
    """Its ledger was lost."""
    site.configure(extra=DIRECTORY, head=V1, project=True)
    three(site)
    assert site.sync().exit_code == 0
    for path in site.folder.glob("ledger.db*"):
        path.unlink()
    site.write({"p3/image.png": "a new image", "p3/label.json": "a new label"})

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 4
    tasks = sorted(task["data_unit"] for task in site.server.tasks(site.project))
    assert tasks == [unit["id"] for unit in site.server.units(site.collection)]


@pytest.mark.parametrize("size", [0, 1])
def test_a_ledger_without_anything_in_it_is_not_begun_anew(site: Installation, size: int) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.sync()
    whole = site.ledger.read_bytes()
    site.ledger.write_bytes(whole[:size])

    for command in ("once", "status"):
        printed = site.type(command)
        assert printed.exit_code == 4
        assert "is empty, which no ledger ever is" in printed.stderr

    assert site.ledger.read_bytes() == whole[:size]
    site.ledger.write_bytes(whole)
    assert site.registered() == [REGISTERED]
