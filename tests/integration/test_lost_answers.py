"""Requests whose answers are lost: on v2 they go again, on v1 what they made is looked for; nothing is made twice."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest

from .conftest import DIRECTORY, PAIR, Installation, stored, until

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}
V1, V2 = 'api = "v1"', 'api = "v2"'
REGISTER = {V1: "POST data_units/", V2: "POST v2/data-units/bulk-create/"}
TASKS = {V1: "POST tasks/", V2: "POST v2/tasks/bulk-create/"}


@pytest.mark.parametrize("fault", ["drop_after", "cut_body"])
def test_on_v1_a_unit_whose_answer_was_lost_is_found_in_the_collection(site: Installation, fault: str) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], fault)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V1]) == 1
    assert outcome.counts["registered"] == 1


def test_on_v1_a_unit_that_is_not_there_goes_again(site: Installation, at_once: None) -> None:
    """The connection broke before the server had the request."""
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V1]) == 2
    assert site.received() == len("an image") + len("a label"), "its content is not sent again"


def test_on_v1_a_unit_that_is_not_there_waits_while_the_server_may_be_at_work_on_it(site: Installation) -> None:
    """The server has the request, and its client is gone: what is not there yet may come."""
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")

    assert site.sync().exit_code == 1
    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registering"}
    assert site.requests(REGISTER[V1]) == 1
    assert "looked for once more before it goes again" in site.reason("p1")


@pytest.mark.parametrize("schema", [None, {"properties": {}, "additionalProperties": False}], ids=["sync_key", "files"])
def test_on_v1_the_units_of_others_are_not_taken_for_ours(site: Installation, at_once: None, schema: Any) -> None:
    """Ours is told by its sync key, or by its files where meta has no place for one."""
    site.configure(extra=DIRECTORY, head=V1, schema=schema)
    site.write({"p0/image.png": "other", "p0/label.json": "others"})
    site.sync()
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")

    assert site.sync().exit_code == 0

    assert site.registered()[1:] == [REGISTERED]
    assert set(site.states().values()) == {"registered"}


def test_where_the_server_shows_nothing_of_its_units_a_person_decides(lonely_site: Installation) -> None:
    site = lonely_site
    site.server.options = replace(site.server.options, v1_listing="bare")
    site.server.restart()
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_after")

    for _ in range(2):
        assert site.sync().exit_code == 1
        site.run("retry", "--all")

    assert site.states() == {"p1": "held"}
    assert site.reason("p1").startswith("outcome unknown: its registration may have made it (could not learn ")
    assert "does not show what the collection's units are made of" in site.reason("p1")
    assert site.requests(REGISTER[V1]) == 1
    assert site.type("retry", "p1").stdout == "1 unit will be decided again by the next run\n"
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED, REGISTERED], "a person said so"


@pytest.mark.parametrize("policy", ["new_unit", "ignore"])
def test_on_v1_files_that_change_while_an_answer_is_missing_wait_for_it(
    site: Installation, impatient: None, at_once: None, policy: str
) -> None:
    site.configure(extra=DIRECTORY, head=V1, feed=f'on_change = "{policy}"')
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_after")
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    site.sync()
    site.server.clear_faults()
    assert site.states() == {"p1": "registering"}
    site.write({"p1/image.png": "a better image"})
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    better = {**REGISTERED, "image_1": stored("a better image")}
    assert site.registered() == ([REGISTERED, better] if policy == "new_unit" else [REGISTERED])


def test_on_v1_a_unit_that_never_came_goes_as_its_files_are_by_then(
    site: Installation, impatient: None, at_once: None
) -> None:
    site.configure(extra=DIRECTORY, head=V1, feed='on_change = "new_unit"')
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    site.sync()
    site.server.clear_faults()
    site.write({"p1/image.png": "a better image"})
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.registered() == [{**REGISTERED, "image_1": stored("a better image")}]


def test_equal_units_of_one_whose_answer_was_lost_stay_duplicates(site: Installation) -> None:
    """The first may exist: sending the second could make it twice."""
    site.configure(extra=DIRECTORY, head=V1)
    site.write({**PAIR, "p2/image.png": "an image", "p2/label.json": "a label"})
    site.server.fault(REGISTER[V1], "drop_before")

    assert site.sync().exit_code == 1

    assert sorted(site.states().values()) == ["duplicate", "registering"]
    assert site.registered() == []


@pytest.mark.parametrize("count", [1, 2])
def test_units_that_v1_leaves_out_without_a_word_are_looked_for_and_sent_again(site: Installation, count: int) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write({f"p{n}/{name}": f"{name} {n}" for n in range(3) for name in ("image.png", "label.json")})
    site.server.fault(REGISTER[V1], "silent_drop", count=count)

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 3
    assert set(site.states().values()) == {"registered"}


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "cut_body"])
def test_on_v2_a_lost_answer_is_asked_for_again_and_makes_one_unit(site: Installation, fault: str) -> None:
    site.configure(extra=DIRECTORY, head=V2)
    site.write(PAIR)
    site.server.fault(REGISTER[V2], fault)

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V2]) == 2


@pytest.mark.parametrize(
    ("policy", "versions"),
    [("new_unit", [REGISTERED, {**REGISTERED, "image_1": stored("a better image")}]), ("ignore", [REGISTERED])],
)
def test_on_v2_what_was_asked_is_asked_again_even_if_the_files_changed_meanwhile(
    site: Installation, impatient: None, policy: str, versions: list[dict[str, str]]
) -> None:
    """The server may have the unit as it was sent: the ledger must come to know it before the change counts."""
    site.configure(extra=DIRECTORY, head=V2, feed=f'on_change = "{policy}"')
    site.write(PAIR)
    site.server.fault(REGISTER[V2], "drop_after")
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "registering"}
    assert "could not learn the outcome" in site.run("status", "--json").json["feeds"][0]["attention"][0]["reason"]

    site.write({"p1/image.png": "a better image"})
    site.run("retry", "--all")

    assert site.sync().exit_code == 0
    assert site.registered() == versions
    assert set(site.states().values()) == {"registered"}


def test_on_v2_what_was_asked_is_asked_again_even_if_the_files_are_gone(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V2, project=True)
    site.write(PAIR)
    kill_while_the_answer_is_held_back(site, REGISTER[V2])
    for name in PAIR:
        (site.share / name).unlink()

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert len(site.server.tasks(site.project)) == 1


def test_on_v2_a_busy_server_between_a_lost_answer_and_the_next_one_changes_nothing(
    site: Installation, impatient: None
) -> None:
    site.configure(extra=DIRECTORY, head=V2)
    site.write(PAIR)
    site.server.fault(REGISTER[V2], "drop_after")
    site.sync()
    site.server.fault(REGISTER[V2], "status", code=503)
    site.run("retry", "--all")
    site.sync()
    assert site.states() == {"p1": "registering"}
    (site.share / "p1/image.png").unlink()
    site.run("retry", "--all")

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]


def test_what_was_asked_through_v2_is_asked_again_through_v2_whatever_the_config_says_now(
    site: Installation, impatient: None
) -> None:
    """What v2 was asked is no v1 request: repeating it there could make a second unit."""
    site.configure(extra=DIRECTORY, head=V2)
    site.write(PAIR)
    site.server.fault(REGISTER[V2], "drop_after")
    site.sync()
    site.run("retry", "--all")

    site.configure(extra=DIRECTORY, head=V1)

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V1]) == 0


def test_what_was_asked_through_v1_is_looked_for_whatever_the_config_says_now(
    site: Installation, impatient: None, at_once: None
) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_after")
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    site.sync()
    site.server.clear_faults()
    site.run("retry", "--all")

    site.configure(extra=DIRECTORY, head=V2)

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V2]) == 0


@pytest.mark.parametrize("lost", [V1, V2], ids=["v1", "v2"])
def test_a_unit_whose_answer_was_lost_is_held_where_its_feed_goes_elsewhere_now(
    site: Installation, impatient: None, lost: str
) -> None:
    site.configure(extra=DIRECTORY, head=lost)
    site.write(PAIR)
    site.server.fault(REGISTER[lost], "drop_after")
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    site.sync()
    site.server.clear_faults()
    site.collection = 0

    site.configure(extra=DIRECTORY, head=lost)

    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}
    assert "the feed goes elsewhere now" in site.reason("p1")


def test_on_v2_a_lost_ledger_costs_neither_bytes_nor_units(site: Installation) -> None:
    """What the server has is found by asking; its units are reused, not made again."""
    site.configure(extra=DIRECTORY, head=V2)
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})
    site.sync()
    units = site.server.units(site.collection)
    for path in site.folder.glob("ledger.db*"):
        path.unlink()
    site.server.reset_stats()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["reused"] == 2
    assert outcome.counts["present"] == 4
    assert site.received() == 0
    assert site.server.units(site.collection) == units
    assert [unit["outcome"] for unit in site.run("units", "--json").json] == ["reused", "reused"]


def kill_while_the_answer_is_held_back(site: Installation, route: str) -> None:
    """`once` gets its request through, the server acts on it, and the process is killed before the answer."""
    site.server.fault(route, "delay", when="after", seconds=600)
    victim = site.process("once")
    until(lambda: site.requests(route) and acted(site, route), f"{route} is acted on")
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    site.server.clear_faults()


def acted(site: Installation, route: str) -> bool:
    """Whether the server made what the route makes."""
    return bool(site.server.tasks(site.project) if "tasks" in route else site.registered())


@pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
def test_a_kill_between_intent_and_answer_makes_no_second_unit(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api)
    site.write(PAIR)
    kill_while_the_answer_is_held_back(site, REGISTER[api])

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert site.received() == len("an image") + len("a label")


@pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
def test_with_a_project_each_unit_gets_its_task(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["tasks"] == 2
    units = [unit["id"] for unit in site.server.units(site.collection)]
    assert sorted(task["data_unit"] for task in site.server.tasks(site.project)) == sorted(units)
    assert set(site.states().values()) == {"registered"}
    site.sync()
    assert len(site.server.tasks(site.project)) == 2


@pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
def test_a_refused_task_holds_its_unit_which_is_not_registered_again(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[api], "status", code=400, body={"detail": "no task today"})

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held"}
    server_id = site.server.units(site.collection)[0]["id"]
    assert site.reason("p1").startswith(f"the unit is registered as {server_id}, but its task is refused: ")
    assert "no task today" in site.reason("p1")
    site.run("retry", "p1")
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert len(site.server.tasks(site.project)) == 1


def test_a_refused_task_is_asked_for_again_with_retry_all(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "status", code=400, body={"detail": "no task today"})
    site.sync()

    site.run("retry", "--all")

    assert site.sync().exit_code == 0
    assert len(site.server.tasks(site.project)) == 1
    assert site.registered() == [REGISTERED]


def test_changed_settings_do_not_register_a_unit_again_whose_task_was_refused(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "status", code=400, body={"detail": "no task today"})
    site.sync()

    site.configure(extra=DIRECTORY, head=V1, project=True, feed='late_files = "ignore"')
    site.sync()

    assert site.registered() == [REGISTERED]
    assert len(site.server.tasks(site.project)) <= 1


def test_one_refused_task_takes_no_other_down(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write({f"p{n}/{name}": f"{name} {n}" for n in range(4) for name in ("image.png", "label.json")})
    site.server.fault(TASKS[V1], "status", times=2, code=400, body={"detail": "no task today"})

    assert site.sync().exit_code == 1

    assert sorted(site.states().values()) == ["held", "registered", "registered", "registered"]
    assert len(site.server.tasks(site.project)) == 3


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_on_v1_a_task_whose_answer_was_lost_is_looked_for_before_it_is_asked_for_again(
    site: Installation, at_once: None, fault: str
) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], fault)

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert len(site.server.tasks(site.project)) == 1
    assert site.requests(TASKS[V1]) == (1 if fault == "drop_after" else 2)


def test_where_the_projects_tasks_cannot_be_looked_through_a_person_decides(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "drop_after")
    site.server.fault("GET sdk/tasks/", "status", code=404, body={"detail": "Not found."}, times=None)

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held"}
    assert "outcome unknown: the unit is registered as" in site.reason("p1")
    site.run("retry", "--all")
    assert site.sync().exit_code == 1
    assert len(site.server.tasks(site.project)) == 1
    assert site.registered() == [REGISTERED]


def test_on_v2_a_lost_answer_to_a_task_is_asked_for_again_and_makes_one_task(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V2, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V2], "drop_after")

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert len(site.server.tasks(site.project)) == 1


@pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
def test_a_kill_between_a_tasks_intent_and_its_answer_makes_no_second_task(site: Installation, api: str) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write(PAIR)
    kill_while_the_answer_is_held_back(site, TASKS[api])

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert len(site.server.tasks(site.project)) == 1
    assert site.registered() == [REGISTERED]


def test_a_project_that_does_not_exist_is_told_and_the_right_one_gets_the_task(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed="project = 999")
    site.write(PAIR)
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}
    assert "its task is refused" in site.reason("p1")

    site.configure(extra=DIRECTORY, project=True)

    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
    assert len(site.server.tasks(site.project)) == 1


def test_a_unit_that_waits_for_a_task_which_nobody_wants_any_more_is_registered(
    site: Installation, impatient: None
) -> None:
    site.configure(extra=DIRECTORY, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V2], "status", times=None, code=503)
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "registering"}

    site.configure(extra=DIRECTORY)
    site.run("retry", "--all")

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.server.tasks(site.project) == []
