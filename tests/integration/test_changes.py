"""What becomes of files that are renamed, touched, deleted or rewritten, before and after their unit is registered."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import DIRECTORY, PAIR, STEM, Installation, stored

REGISTERED = [{"image_1": stored("an image"), "label_1": stored("a label")}]


def synced(site: Installation, grouping: str = DIRECTORY) -> None:
    """A first sync of one pair; from here on the server counts anew."""
    site.configure(extra=grouping)
    site.write(PAIR)
    assert site.sync().exit_code == 0
    assert site.registered() == REGISTERED
    site.server.reset_stats()


def test_a_run_that_finds_nothing_new_writes_nothing(site: Installation) -> None:
    synced(site)
    before = site.ledger_text()

    assert site.sync().exit_code == 0

    assert site.ledger_text() == before


RENAMES = {
    "one of its files": (DIRECTORY, [("p1/image.png", "p1/picture.png")]),
    "both files, into another folder": (
        DIRECTORY,
        [("p1/image.png", "p2/image.png"), ("p1/label.json", "p2/label.json")],
    ),
    "its whole folder": (DIRECTORY, [("p1", "q1")]),
    "its whole folder, where files pair by stem": (STEM, [("p1", "q1")]),
}


@pytest.mark.parametrize(("grouping", "renames"), RENAMES.values(), ids=RENAMES.keys())
def test_a_registered_unit_stays_registered_when_files_are_renamed(
    site: Installation, grouping: str, renames: list[tuple[str, str]]
) -> None:
    site.configure(extra=grouping)
    site.write({"p1/image.png": "an image", "p1/image.json": "a label"} if grouping == STEM else PAIR)
    assert site.sync().exit_code == 0
    units = site.server.units(site.collection)
    states = site.states()
    site.server.reset_stats()
    for old, new in renames:
        (site.share / new).parent.mkdir(exist_ok=True)
        (site.share / old).rename(site.share / new)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["renamed"] == (2 if "/" not in renames[0][0] else len(renames))
    assert "gone" not in outcome.counts
    assert site.received() == 0
    assert site.server.units(site.collection) == units
    assert site.states() == states
    there = {str(path.relative_to(site.share)) for path in site.share.rglob("*") if path.is_file()}
    assert site.files().keys() == there
    assert {state for state, _ in site.files().values()} == {"checksummed"}


def test_a_file_renamed_before_its_unit_is_complete_forms_the_unit_of_its_new_name(site: Installation) -> None:
    site.configure(extra=STEM)
    site.write(["a.png"])
    site.sync()
    assert site.states() == {"a": "forming"}
    (site.share / "a.png").rename(site.share / "b.png")
    site.write(["b.json"])

    assert site.sync().exit_code == 0

    assert site.states() == {"b": "registered"}
    assert site.units() == {"b": {"image_1": "b.png", "label_1": "b.json"}}


def touch(path: Path) -> None:
    os.utime(path)


def forge_its_time(path: Path) -> None:
    os.utime(path, (0, 0))


def change_its_mode(path: Path) -> None:
    path.chmod(0o640)


def write_the_same_again(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def replace_it_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy.part")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


@pytest.mark.parametrize("change", [touch, forge_its_time, change_its_mode, write_the_same_again, replace_it_by_a_copy])
def test_a_file_whose_content_is_the_same_is_read_again_and_nothing_else(
    site: Installation, change: Callable[[Path], None]
) -> None:
    synced(site)
    change(site.share / "p1/image.png")

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["read_files"] == 1
    assert site.received() == 0
    assert site.registered() == REGISTERED
    assert site.states() == {"p1": "registered"}


def test_other_content_of_the_same_size_and_with_the_old_time_is_noticed(site: Installation) -> None:
    synced(site)
    image = site.share / "p1/image.png"
    before = image.stat()
    image.write_bytes(b"AN IMAGE")
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p1#2": "held"}


@pytest.mark.parametrize("deleted", [["p1/image.png"], ["p1/image.png", "p1/label.json"]], ids=["one file", "all"])
def test_deleting_files_of_a_registered_unit_changes_nothing(site: Installation, deleted: list[str]) -> None:
    synced(site)
    units = site.server.units(site.collection)
    for name in deleted:
        (site.share / name).unlink()

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["gone"] == len(deleted)
    assert outcome.feed["account"]["registered"] == 2
    assert site.states() == {"p1": "registered"}
    assert site.server.units(site.collection) == units


NEEDS_SITE = {"type": "object", "required": ["site"]}


def test_a_file_deleted_before_registration_takes_its_unit_back_to_forming(site: Installation) -> None:
    site.configure(extra=DIRECTORY, schema=NEEDS_SITE)
    site.write(PAIR)
    site.sync()
    assert site.states() == {"p1": "held"}
    (site.share / "p1/label.json").unlink()

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "forming"}
    assert site.reason("p1") == "waits for label_1"


def test_a_unit_without_files_that_was_never_sent_is_no_more(site: Installation) -> None:
    site.configure(extra=DIRECTORY, schema=NEEDS_SITE)
    site.write(PAIR)
    site.sync()
    for name in PAIR:
        (site.share / name).unlink()

    assert site.sync().exit_code == 0

    assert site.states() == {}
    assert {state for state, _ in site.files().values()} == {"gone"}


def test_a_registered_file_that_comes_back_with_equal_content_is_as_if_never_gone(site: Installation) -> None:
    synced(site)
    (site.share / "p1/image.png").unlink()
    site.sync()
    site.write({"p1/image.png": "an image"})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.received() == 0
    assert site.registered() == REGISTERED
    assert site.files()["p1/image.png"] == ("checksummed", "scans:p1")


def test_a_waiting_file_that_comes_back_goes_on_where_it_was(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "an image"})
    site.sync()
    (site.share / "p1/image.png").unlink()
    site.sync()
    assert site.states() == {}
    site.write({"p1/image.png": "an image"})
    site.sync()
    assert site.states() == {"p1": "forming"}

    site.write({"p1/label.json": "a label"})

    assert site.sync().exit_code == 0
    assert site.registered() == REGISTERED


def test_a_file_whose_content_changes_before_registration_is_registered_as_it_is_then(site: Installation) -> None:
    site.configure(extra=DIRECTORY, schema=NEEDS_SITE)
    site.write(PAIR)
    site.sync()
    site.write({"p1/image.png": "a better image"})
    site.configure(extra=DIRECTORY + '[feeds.metadata]\nvalues = {site = "Seoul"}\n')

    assert site.sync().exit_code == 0

    assert site.registered() == [{"image_1": stored("a better image"), "label_1": stored("a label")}]


def test_a_unit_is_completed_by_a_file_of_a_later_run(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "an image"})
    first = site.sync()
    assert first.exit_code == 0, "a forming unit is well"
    assert site.states() == {"p1": "forming"}
    assert site.received() == 0, "a file of an incomplete unit is not sent"

    site.write({"p1/label.json": "a label"})

    assert site.sync().exit_code == 0
    assert site.registered() == REGISTERED


def test_a_unit_that_lacks_a_file_for_too_long_is_incomplete_until_the_file_comes(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='incomplete_after = "0s"')
    site.write({"p1/image.png": "an image"})

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "incomplete"}
    assert site.reason("p1") == "lacks label_1"
    site.write({"p1/label.json": "a label"})
    assert site.sync().exit_code == 0
    assert site.registered() == REGISTERED


def test_a_unit_that_loses_a_file_right_before_it_is_sent_is_incomplete_at_once_if_the_config_says_so(
    site: Installation,
) -> None:
    limits = 'incomplete_after = "0s"\nmax_units_per_run = 1'
    site.configure(extra=DIRECTORY, feed=limits)
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})
    site.sync()
    ready = next(key for key, state in site.states().items() if state == "ready")
    (site.share / ready / "label.json").unlink()

    assert site.sync().exit_code == 1

    assert site.states()[ready] == "incomplete"
    assert len(site.registered()) == 1


def test_a_duplicate_that_loses_a_file_is_incomplete_at_once_if_the_config_says_so(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='incomplete_after = "0s"')
    site.write({**PAIR, "p2/image.png": "an image", "p2/label.json": "a label"})
    site.sync()
    duplicate = next(key for key, state in site.states().items() if state == "duplicate")
    (site.share / duplicate / "label.json").unlink()

    assert site.sync().exit_code == 1

    assert site.states()[duplicate] == "incomplete"


def test_a_file_that_grows_between_listings_is_registered_as_it_ends(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "400ms"'))
    site.write({"p1/label.json": "a label", "p1/image.png": ""})

    def grow() -> None:
        for _ in range(8):
            with (site.share / "p1/image.png").open("ab") as file:
                file.write(b"more ")
            time.sleep(0.1)

    somebody = threading.Thread(target=grow)
    somebody.start()
    codes = [site.sync().exit_code]
    somebody.join()
    codes.append(site.sync().exit_code)

    assert codes == [0, 0]
    assert site.registered() == [{"image_1": stored("more " * 8), "label_1": stored("a label")}]
    assert site.states() == {"p1": "registered"}
