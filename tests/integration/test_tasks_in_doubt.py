"""Units that may have their task already, made by others or by a request that went wrong: none gets a second one."""

from __future__ import annotations

import sys

import pytest

from .conftest import DIRECTORY, PAIR, Installation
from .test_adoption import FILES, Sdk, lose_ledger
from .test_lost_answers import TASKS, V1

TASK_LIST = "GET sdk/tasks/"
NO_LIST = {"code": 404, "body": {"detail": "Not found."}, "times": None}


def tasks_of(site: Installation) -> list[int]:
    """Which units have tasks in the project, each as often as it has one."""
    return sorted(task["data_unit"] for task in site.server.tasks(site.project))


def units_of(site: Installation) -> list[int]:
    return [unit["id"] for unit in site.server.units(site.collection)]


def found_without_a_list(site: Installation) -> None:
    """Units of another program are found, and the server has no list of tasks."""
    site.configure(extra=DIRECTORY, head=V1, project=True)
    Sdk(site).upload(FILES)
    site.write(FILES)
    site.server.fault(TASK_LIST, "status", **NO_LIST)
    assert site.sync().exit_code == 1


def test_of_a_unit_that_was_found_only_the_task_is_unknown(site: Installation) -> None:
    found_without_a_list(site)

    assert set(site.states().values()) == {"held"}
    first = units_of(site)[0]
    assert site.reason("p00").startswith(
        f"outcome unknown: the unit is registered as {first}, whether it has its task can't be seen (the project's "
    )
    assert tasks_of(site) == []
    assert len(units_of(site)) == 12


def test_on_a_persons_word_its_task_is_asked_for(site: Installation) -> None:
    found_without_a_list(site)
    site.run("retry", "--all")
    assert site.sync().exit_code == 1
    assert tasks_of(site) == [], "that is no word about any of them"

    site.run("retry", "p00", "p01")

    assert site.sync().exit_code == 1
    assert tasks_of(site) == units_of(site)[:2]
    assert site.states()["p00"] == site.states()["p01"] == "registered"


def test_what_can_be_seen_counts_more_than_a_persons_word(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "drop_after")
    site.server.fault(TASK_LIST, "status", **NO_LIST)
    assert site.sync().exit_code == 1
    site.server.clear_faults()
    site.run("retry", "p1")

    assert site.sync().exit_code == 0

    assert len(tasks_of(site)) == 1


def test_an_answer_that_is_lost_after_a_persons_word_is_in_doubt_again(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "drop_before")
    site.server.fault(TASK_LIST, "status", **NO_LIST)
    assert site.sync().exit_code == 1
    site.run("retry", "p1")
    site.server.fault(TASKS[V1], "drop_after")

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "held"}
    assert "whether it has its task can't be seen" in site.reason("p1")
    assert len(tasks_of(site)) == 1


@pytest.mark.parametrize("had", ["no tasks", "tasks"])
def test_the_projects_tasks_are_looked_through_once_a_run_however_many_batches_there_are(
    site: Installation, had: str
) -> None:
    site.configure(extra=DIRECTORY, head=V1 + "\n[upload]\nbatch_size = 2", project=True)
    if had == "tasks":
        site.write(FILES)
        site.sync()
        lose_ledger(site)
    else:
        Sdk(site).upload(FILES)
        site.write(FILES)

    assert site.sync().exit_code == 0

    assert tasks_of(site) == units_of(site)
    assert len(units_of(site)) == 12
    assert site.requests(TASK_LIST) == 1


def test_on_v1_tasks_that_were_made_although_they_were_refused_are_not_made_again(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In one batch, however long the uploads take: of one unit a refusal is believed.
    monkeypatch.setattr(sys.modules["synapse_sync.steps.register"], "LINGER", float("inf"))
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(FILES)
    site.server.fault(TASKS[V1], "status", code=400, processed=True)

    assert site.sync().exit_code == 0

    assert tasks_of(site) == units_of(site)
    assert set(site.states().values()) == {"registered"}


def test_on_v1_a_refused_batch_of_tasks_waits_where_what_was_made_of_it_cannot_be_seen(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(FILES)
    site.server.fault(TASKS[V1], "status", code=400, processed=True, times=None)  # units may come in two batches
    site.server.fault(TASK_LIST, "status", **NO_LIST)

    assert site.sync().exit_code == 1

    assert tasks_of(site) == units_of(site)
    assert set(site.states().values()) == {"held"}
