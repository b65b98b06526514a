"""What a person decides once for a feed: changed and late files of registered units, and units with equal content."""

from __future__ import annotations

import pytest

from .conftest import DIRECTORY, PAIR, Installation, stored

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}
CHANGED = {"image_1": stored("a better image"), "label_1": stored("a label")}
WITH_SCAN = {**REGISTERED, "dicom_1": stored("a scan")}


def changed(site: Installation, policy: str) -> None:
    """A registered pair whose image then changes; the server counts anew."""
    site.configure(extra=DIRECTORY, feed=f'on_change = "{policy}"')
    site.write(PAIR)
    assert site.sync().exit_code == 0
    site.server.reset_stats()
    site.write({"p1/image.png": "a better image"})


def test_changed_content_of_a_registered_unit_is_held(site: Installation) -> None:
    changed(site, "hold")

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert site.states() == {"p1": "registered", "p1#2": "held"}
    server_id = site.server.units(site.collection)[0]["id"]
    reason = site.reason("p1")
    assert reason.startswith(f"image_1 (p1/image.png) changed after the unit was registered as {server_id}; ")
    assert site.received() == 0
    assert site.registered() == [REGISTERED]


def test_a_held_change_is_neither_read_nor_decided_again_while_nothing_happens(site: Installation) -> None:
    changed(site, "hold")
    site.sync()
    before = site.ledger_text()

    assert site.sync().exit_code == 1

    assert site.ledger_text() == before


def test_retrying_its_key_registers_the_change_as_a_new_unit(site: Installation) -> None:
    changed(site, "hold")
    site.sync()

    assert site.run("retry", "scans:p1").exit_code == 0
    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered", "p1#2": "registered"}
    assert site.registered() == [REGISTERED, CHANGED]
    assert site.received() == len("a better image"), "the label is there already"
    assert site.sync().exit_code == 0
    assert len(site.registered()) == 2


def test_retrying_everything_leaves_the_policy_in_force(site: Installation) -> None:
    changed(site, "hold")
    site.sync()

    assert site.run("retry", "--all").exit_code == 0
    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p1#2": "held"}
    assert site.registered() == [REGISTERED]


def test_restored_content_dissolves_the_held_version(site: Installation) -> None:
    changed(site, "hold")
    site.sync()
    site.write({"p1/image.png": "an image"})

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]
    assert site.received() == 0


def test_deleting_the_changed_file_dissolves_the_held_version(site: Installation) -> None:
    changed(site, "hold")
    site.sync()
    (site.share / "p1/image.png").unlink()

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}
    assert site.registered() == [REGISTERED]


def test_a_held_version_follows_the_file_when_it_changes_once_more(site: Installation) -> None:
    changed(site, "hold")
    site.sync()
    site.write({"p1/image.png": "the best image"})
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "registered", "p1#2": "held"}

    site.run("retry", "p1")

    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED, {**CHANGED, "image_1": stored("the best image")}]


@pytest.mark.parametrize(
    ("policy", "units", "states"),
    [
        ("new_unit", [REGISTERED, CHANGED], {"p1": "registered", "p1#2": "registered"}),
        ("ignore", [REGISTERED], {"p1": "registered"}),
    ],
)
def test_a_changed_policy_decides_a_held_change_anew(
    site: Installation, policy: str, units: list[dict[str, str]], states: dict[str, str]
) -> None:
    changed(site, "hold")
    site.sync()
    site.configure(extra=DIRECTORY, feed=f'on_change = "{policy}"')

    assert site.sync().exit_code == 0

    assert site.registered() == units
    assert site.states() == states


def test_on_change_new_unit_registers_all_present_files_as_the_next_version(site: Installation) -> None:
    changed(site, "new_unit")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED, CHANGED]
    assert site.states() == {"p1": "registered", "p1#2": "registered"}
    site.write({"p1/image.png": "the best image"})
    assert site.sync().exit_code == 0
    assert site.registered()[2] == {**CHANGED, "image_1": stored("the best image")}
    assert site.states().keys() == {"p1", "p1#2", "p1#3"}


def test_with_new_unit_content_that_was_registered_before_is_a_duplicate(site: Installation) -> None:
    """One ledger sends each fingerprint once, also when a file changes back."""
    changed(site, "new_unit")
    site.sync()
    site.write({"p1/image.png": "an image"})

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered", "p1#2": "registered", "p1#3": "duplicate"}
    assert site.registered() == [REGISTERED, CHANGED]


def test_on_change_ignore_leaves_the_unit_alone(site: Installation) -> None:
    changed(site, "ignore")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]
    assert site.states() == {"p1": "registered"}
    assert site.received() == 0
    before = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == before


def late(site: Installation, policy: str) -> None:
    """A registered pair for which an optional file then arrives; the server counts anew."""
    site.configure(extra=DIRECTORY, feed=f'late_files = "{policy}"')
    site.write(PAIR)
    assert site.sync().exit_code == 0
    site.server.reset_stats()
    site.write({"p1/scan.dcm": "a scan"})


def test_a_late_optional_file_is_held(site: Installation) -> None:
    late(site, "hold")

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p1#2": "held"}
    assert site.reason("p1").startswith("dicom_1 (p1/scan.dcm) arrived after the unit was registered")
    assert site.registered() == [REGISTERED]
    site.run("retry", "p1")
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED, WITH_SCAN]
    assert site.received() == len("a scan")


def test_a_late_file_that_goes_away_again_dissolves_the_held_version(site: Installation) -> None:
    late(site, "hold")
    site.sync()
    (site.share / "p1/scan.dcm").unlink()

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered"}


def test_late_files_new_unit_registers_all_present_files_as_the_next_version(site: Installation) -> None:
    late(site, "new_unit")

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED, WITH_SCAN]


def test_late_files_ignore_leaves_them_out_with_a_reason(site: Installation) -> None:
    late(site, "ignore")

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [REGISTERED]
    assert outcome.feed["account"]["aside"] == 1
    assert site.files()["p1/scan.dcm"][0] == "superseded"
    assert site.why("p1/scan.dcm") == 'it came after its unit was registered (late_files = "ignore")'


SAME = {"p1/image.png": "an image", "p1/label.json": "a label", "p2/image.png": "an image", "p2/label.json": "a label"}


def test_equal_units_are_sent_once_and_the_other_names_the_first(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(SAME)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.received() == len("an image") + len("a label"), "each content once"
    assert sorted(site.states().values()) == ["duplicate", "registered"]
    states = site.states()
    first, second = sorted(states, key=states.__getitem__, reverse=True)
    assert site.reason(second) == f"the same content as {first}"
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before


def test_duplicates_hold_waits_for_a_person(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='duplicates = "hold"')
    site.write(SAME)

    assert site.sync().exit_code == 1

    assert sorted(site.states().values()) == ["held", "registered"]
    assert site.registered() == [REGISTERED]


def test_a_held_duplicate_goes_when_a_person_retries_it_by_its_key(site: Installation) -> None:
    """`retry KEY`: what a policy holds is registered as a new unit."""
    site.configure(extra=DIRECTORY, feed='duplicates = "hold"', head='api = "v1"')
    site.write(SAME)
    site.sync()
    held = next(key for key, state in site.states().items() if state == "held")

    site.run("retry", held)

    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED, REGISTERED]


def test_duplicates_register_registers_every_key(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='duplicates = "register"', head='api = "v1"')
    site.write(SAME)

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered", "p2": "registered"}
    assert site.registered() == [REGISTERED, REGISTERED]
    assert site.received() == len("an image") + len("a label")
    site.sync()
    assert len(site.registered()) == 2


def test_the_oldest_duplicate_takes_the_place_of_a_unit_that_the_server_refuses(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({f"p{n}/{name}": content for n in (1, 2, 3) for name, content in (("i.png", "i"), ("l.json", "l"))})
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=400, body={"detail": "not this one"})

    assert site.sync().exit_code == 1

    assert sorted(site.states().values()) == ["duplicate", "held", "registered"]
    assert len(site.registered()) == 1


def test_the_oldest_duplicate_takes_the_place_of_a_unit_whose_files_change_before_it_is_sent(
    site: Installation,
) -> None:
    """The server is down for registrations; meanwhile the first of two equal units becomes another one."""
    site.configure(extra=DIRECTORY, feed="max_units_per_run = 1")
    site.write({"a/i.png": "other", "a/l.json": "other", **SAME})
    assert site.sync().exit_code == 1
    assert sorted(site.states().values()) == ["duplicate", "ready", "registered"]
    first = next(key for key, state in site.states().items() if state == "ready")
    site.write({f"{first}/image.png": "a better image"})
    site.configure(extra=DIRECTORY)

    assert site.sync().exit_code == 0

    assert set(site.states().values()) == {"registered"}
    assert len(site.registered()) == 3


def test_a_duplicate_whose_content_changes_is_a_unit_of_its_own(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(SAME)
    site.sync()
    duplicate = next(key for key, state in site.states().items() if state == "duplicate")
    site.write({f"{duplicate}/image.png": "a better image"})

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED, CHANGED]
    assert set(site.states().values()) == {"registered"}
