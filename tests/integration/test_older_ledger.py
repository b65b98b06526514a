"""An older copy of the ledger in its place: what was registered since is looked for before anything is registered."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from .conftest import DIRECTORY, PAIR, Installation, until
from .test_lost_answers import REGISTER, TASKS, V1, V2

LATER = {f"p{n}/{name}": f"{name} {n}" for n in range(2, 5) for name in ("image.png", "label.json")}
APIS = pytest.mark.parametrize("api", [V1, V2], ids=["v1", "v2"])
Deed = Callable[[Installation], None]


def copy_of(site: Installation) -> str:
    return str(site.folder / "copy.db")


# --- How a copy is made


def backed_up(site: Installation) -> None:
    assert site.type("ledger", "backup", copy_of(site)).exit_code == 0


def copied(site: Installation) -> None:
    shutil.copy2(site.ledger, copy_of(site))


def archived(site: Installation) -> None:
    """With the lock beside it."""
    copied(site)
    shutil.copy2(f"{site.ledger}.lock", f"{copy_of(site)}.lock")


# --- How it is put back


def over_the_file(site: Installation) -> None:
    shutil.copyfile(copy_of(site), site.ledger)


def over_the_file_with_its_times(site: Installation) -> None:
    shutil.copyfile(copy_of(site), site.ledger)
    shutil.copystat(copy_of(site), site.ledger)


def in_its_place(site: Installation) -> None:
    os.replace(copy_of(site), site.ledger)


def alone(site: Installation) -> None:
    for path in site.folder.glob("ledger.db*"):
        path.unlink()
    os.replace(copy_of(site), site.ledger)


def after_a_kill(site: Installation) -> None:
    """The process that had the newer one did not end in order, and left no word."""
    site.write({"p9/image.png": "image 9", "p9/label.json": "label 9"})
    site.server.fault("POST data_files/verify_checksums/", "delay", when="before", seconds=600)
    before = site.requests("POST data_files/verify_checksums/")
    victim = site.process("once")
    until(lambda: site.requests("POST data_files/verify_checksums/") > before, "the server is asked")
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    site.server.clear_faults()
    for path in site.folder.glob("ledger.db-*"):
        path.unlink()
    over_the_file(site)


def registered_since(site: Installation, api: str, *, copy: Deed, feed: str = "", project: bool = False) -> None:
    """One unit is registered, the ledger is copied, three more are registered."""
    site.configure(extra=DIRECTORY, head=api, feed=feed, project=project)
    site.write(PAIR)
    assert site.sync().exit_code == 0
    copy(site)
    site.write(LATER)
    assert site.sync().exit_code == 0
    assert len(site.registered()) == 4


@APIS
@pytest.mark.parametrize("copy", [backed_up, copied])
@pytest.mark.parametrize(
    "put_back", [over_the_file, over_the_file_with_its_times, in_its_place, alone, after_a_kill]
)  # fmt: skip
def test_what_was_registered_since_is_not_registered_again(
    site: Installation, api: str, copy: Deed, put_back: Deed
) -> None:
    registered_since(site, api, copy=copy)
    before = site.server.units(site.collection)
    put_back(site)
    site.server.reset_stats()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.server.units(site.collection)[: len(before)] == before
    assert outcome.counts["reused"] == 3
    assert site.received() == len("image 9") + len("label 9") if put_back is after_a_kill else site.received() == 0
    assert set(site.states().values()) == {"registered"}


def test_a_folder_that_is_put_back_with_all_that_stood_beside_the_ledger_is_an_older_copy_too(
    site: Installation,
) -> None:
    registered_since(site, V1, copy=archived)
    in_its_place(site)
    os.replace(f"{copy_of(site)}.lock", f"{site.ledger}.lock")

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 4


def test_the_newer_one_that_comes_back_after_all_is_an_older_copy_by_then(site: Installation) -> None:
    """What was registered with the copy meanwhile is not in it."""
    registered_since(site, V1, copy=copied)
    newer = site.folder / "newer.db"
    shutil.copy2(site.ledger, newer)
    over_the_file(site)
    site.write({"p5/image.png": "image 5", "p5/label.json": "label 5"})
    assert site.sync().exit_code == 0
    assert len(site.registered()) == 5
    shutil.copyfile(newer, site.ledger)

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 5


@pytest.mark.parametrize("command", [["retry", "--all"], ["forget", "p1", "--registered"]])
def test_any_command_that_opens_it_first_leaves_the_look_to_the_next_run(
    site: Installation, command: list[str]
) -> None:
    registered_since(site, V1, copy=copied)
    over_the_file(site)
    site.run(*command)

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 4


def test_own_units_are_looked_for_even_where_those_of_others_are_ignored(site: Installation) -> None:
    registered_since(site, V1, copy=copied, feed='existing = "ignore"')
    assert site.requests("GET data_units/") == 0
    over_the_file(site)

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 4


def test_a_unit_of_it_that_still_lacked_its_task_may_have_it_by_now(site: Installation, impatient: None) -> None:
    site.configure(extra=DIRECTORY, head=V1, project=True)
    site.write(PAIR)
    site.server.fault(TASKS[V1], "status", code=429, times=None)
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "registering"}
    site.server.clear_faults()
    copied(site)
    site.run("retry", "--all")
    assert site.sync().exit_code == 0
    over_the_file(site)
    site.run("retry", "--all")

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert len(site.server.tasks(site.project)) == 1


def test_where_the_collection_shows_nothing_the_feed_waits_for_a_persons_word(lonely_site: Installation) -> None:
    site = lonely_site
    registered_since(site, V1, copy=copied)
    over_the_file(site)
    site.server.options = replace(site.server.options, v1_listing="bare")
    site.server.restart()
    site.configure(extra=DIRECTORY, head=V1)  # the server has another port

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "has 3 units that this ledger does not know" in outcome.feed["paused"]
    assert len(site.registered()) == 4


@pytest.mark.parametrize("ended", ["in order", "killed"])
def test_the_ledger_that_was_there_last_costs_no_look(site: Installation, ended: str) -> None:
    site.configure(extra=DIRECTORY, head=V1)
    site.write(PAIR)
    site.sync()
    if ended == "killed":
        site.write({"p2/image.png": "image.png 2", "p2/label.json": "label.json 2"})
        site.server.fault("POST data_files/verify_checksums/", "delay", when="before", seconds=600)
        victim = site.process("once")
        asked = site.requests("POST data_files/verify_checksums/")
        until(lambda: site.requests("POST data_files/verify_checksums/") > asked, "the server is asked")
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        site.server.clear_faults()
    site.write(LATER)
    site.server.reset_stats()

    assert site.sync().exit_code == 0

    assert site.requests("GET data_units/") == 0
    assert site.requests(REGISTER[V1])  # in as many batches as it took
    assert len(site.registered()) == 4


def test_a_damaged_ledger_that_comes_back_after_a_rebuild_is_an_older_copy_too(site: Installation) -> None:
    registered_since(site, V1, copy=copied)
    assert site.type("ledger", "rebuild", "--yes").exit_code == 0
    site.write({"p5/image.png": "image 5", "p5/label.json": "label 5"})
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert site.requests("GET data_units/") == 0, "it was looked through for the rebuilt one"
    (replaced,) = site.folder.glob("ledger.db.replaced-*")
    shutil.copyfile(replaced, site.ledger)
    replaced.unlink()

    assert site.sync().exit_code == 0

    assert len(site.registered()) == 5
