"""Requests whose answers are lost: on v1 a person decides, on v2 they go again; never is a unit or task made twice."""

from __future__ import annotations

import signal

import pytest

from .conftest import DIRECTORY, PAIR, Installation, stored, until

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}
V1, V2 = 'api = "v1"', 'api = "v2"'
REGISTER = {V1: "POST data_units/", V2: "POST v2/data-units/bulk-create/"}
TASKS = {V1: "POST tasks/", V2: "POST v2/tasks/bulk-create/"}


def test_on_v1_a_lost_answer_is_held_and_never_repeated_by_itself(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_after")

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held"}
    assert site.reason("p1").startswith("outcome unknown: the answer to its registration was lost (could not learn ")
    for _ in range(2):
        site.run("retry", "--all")
        assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}
    assert site.registered() == [REGISTERED]
    assert site.requests(REGISTER[V1]) == 1


def test_on_v1_a_lost_answer_goes_again_on_a_persons_word(site: Installation) -> None:
    """The connection broke before the server had the request; a person looked, and says that the unit is not there."""
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")
    assert site.sync().exit_code == 1
    assert site.registered() == []
    assert site.states() == {"p1": "held"}

    assert site.type("retry", "p1").stdout == "1 held unit will be decided again by the next run\n"

    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.received() == len("an image") + len("a label"), "its content is not sent again"


def test_a_unit_of_unknown_outcome_keeps_its_files_and_goes_as_they_are_when_a_person_says_so(
    site: Installation,
) -> None:
    """It may exist, so a change of its files waits; if it does not, it is registered as it is by then."""
    site.configure(extra=DIRECTORY, head=V1, feed='on_change = "new_unit"')
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")
    site.sync()

    site.write({"p1/image.png": "a better image"})
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}
    assert site.registered() == []

    site.run("retry", "p1")
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.registered() == [{**REGISTERED, "image_1": stored("a better image")}]


def test_a_unit_of_unknown_outcome_without_its_files_waits_for_them_when_a_person_says_that_it_is_not_there(
    site: Installation,
) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.server.fault(REGISTER[V1], "drop_before")
    site.sync()
    (site.share / "p1/image.png").unlink()
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}

    site.run("retry", "p1")

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "forming"}
    site.write({"p1/image.png": "an image"})
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_equal_units_of_one_of_unknown_outcome_stay_duplicates(site: Installation) -> None:
    """The first may exist: sending the second could make it twice."""
    site.configure(extra=DIRECTORY, head=V1)
    site.write({**PAIR, "p2/image.png": "an image", "p2/label.json": "a label"})
    site.server.fault(REGISTER[V1], "drop_after")

    assert site.sync().exit_code == 1

    assert sorted(site.states().values()) == ["duplicate", "held"]
    assert site.registered() == [REGISTERED]


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


def test_a_lost_answer_of_v2_is_held_where_only_v1_is_left(site: Installation, impatient: None) -> None:
    """What v2 was asked is no v1 request: repeating it there could make a second unit."""
    site.configure(extra=DIRECTORY, head=V2)
    site.write(PAIR)
    site.server.fault(REGISTER[V2], "drop_after")
    site.sync()

    site.configure(extra=DIRECTORY, head=V1)

    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}
    assert site.registered() == [REGISTERED]


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


@pytest.mark.parametrize(("api", "code", "state"), [(V1, 1, "held"), (V2, 0, "registered")], ids=["v1", "v2"])
def test_a_kill_between_intent_and_answer_makes_no_second_unit(
    site: Installation, api: str, code: int, state: str
) -> None:
    site.configure(extra=DIRECTORY, head=api)
    site.write(PAIR)
    kill_while_the_answer_is_held_back(site, REGISTER[api])

    assert site.sync().exit_code == code

    assert site.states() == {"p1": state}
    assert site.registered() == [REGISTERED]
    assert site.received() == len("an image") + len("a label")
    if api == V1:
        assert "the program ended before it came" in site.reason("p1")


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
    site.server.fault(TASKS[V1], "status", times=3, code=400, body={"detail": "no task today"})

    assert site.sync().exit_code == 1

    assert sorted(site.states().values()) == ["held", "registered", "registered", "registered"]
    assert len(site.server.tasks(site.project)) == 3


def test_on_v1_a_lost_answer_to_a_task_is_held_and_never_repeated_by_itself(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "drop_after")

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


@pytest.mark.parametrize(("api", "code", "state"), [(V1, 1, "held"), (V2, 0, "registered")], ids=["v1", "v2"])
def test_a_kill_between_a_tasks_intent_and_its_answer_makes_no_second_task(
    site: Installation, api: str, code: int, state: str
) -> None:
    site.configure(extra=DIRECTORY, head=api, project=True)
    site.write(PAIR)
    kill_while_the_answer_is_held_back(site, TASKS[api])

    assert site.sync().exit_code == code

    assert site.states() == {"p1": state}
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
    site.server.fault(TASKS[V1], "status", times=None, code=503)
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "registering"}

    site.configure(extra=DIRECTORY)
    site.run("retry", "--all")

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.server.tasks(site.project) == []
