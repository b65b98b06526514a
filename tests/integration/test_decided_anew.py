"""When an input of a decision changes (specs, schema, config), what nothing was sent for is decided again, no more."""

from __future__ import annotations

from .conftest import DICOM, DIRECTORY, IMAGE, LABEL, PAIR, STEM, Installation, stored

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}
MASK = {"name": "mask_1", "file_type": "image", "extensions": [".bmp"], "is_required": True}
OPTIONAL_LABEL = {**LABEL, "is_required": False}
NEEDS_SITE = {"type": "object", "required": ["site"]}
VALUES = '[feeds.metadata]\nvalues = {site = "Seoul"}\n'


def test_a_spec_that_is_no_longer_required_lets_waiting_units_go(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "an image"})
    site.sync()
    assert site.states() == {"p1": "forming"}

    site.change_collection(specs=[IMAGE, OPTIONAL_LABEL, DICOM])

    assert site.sync().exit_code == 0
    assert site.registered() == [{"image_1": stored("an image")}]


def test_a_new_required_spec_holds_back_waiting_units_and_leaves_registered_ones_alone(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/image.png": "another image"})
    site.sync()
    assert site.states() == {"p1": "registered", "p2": "forming"}

    site.change_collection(specs=[IMAGE, LABEL, DICOM, MASK])
    site.write({"p2/label.json": "another label"})

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "forming"}
    assert site.reason("p2") == "waits for mask_1"
    site.write({"p2/mask.bmp": "a mask"})
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "registered"}


def test_an_extension_that_a_spec_takes_from_now_on_brings_unmatched_files_in(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.webp": "an image", "p1/label.json": "a label"})
    site.sync()
    assert site.files()["p1/image.webp"] == ("unmatched", None)
    assert "image_1 takes .png, .jpg" in site.why("p1/image.webp")

    site.change_collection(specs=[{**IMAGE, "extensions": [".png", ".webp"]}, LABEL, DICOM])

    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_a_schema_that_a_unit_fits_from_now_on_lets_it_go(site: Installation) -> None:
    site.configure(extra=DIRECTORY, schema=NEEDS_SITE)
    site.write(PAIR)
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}

    site.change_collection(schema={})

    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_values_in_the_config_let_a_held_unit_go(site: Installation) -> None:
    site.configure(extra=DIRECTORY, schema=NEEDS_SITE)
    site.write(PAIR)
    assert site.sync().exit_code == 1

    site.configure(extra=DIRECTORY + VALUES)

    assert site.sync().exit_code == 0
    assert site.server.units(site.collection)[0]["meta"]["site"] == "Seoul"


def test_changed_settings_leave_registered_units_as_they_are(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    units = site.server.units(site.collection)
    site.server.reset_stats()

    site.configure(extra=STEM + VALUES, feed='on_change = "new_unit"\nlate_files = "new_unit"')

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered"}
    assert site.server.units(site.collection) == units
    assert site.received() == 0


def test_another_grouping_places_waiting_files_anew(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(["day1/a.png", "day1/a.json", "day1/b.png", "day1/b.json"])
    assert site.sync().exit_code == 1
    assert site.states() == {"day1": "held"}
    assert "2 files for image_1: day1/a.png and day1/b.png" in site.reason("day1")

    site.configure(extra=STEM)

    assert site.sync().exit_code == 0
    assert site.states() == {"day1/a": "registered", "day1/b": "registered"}


def test_files_that_are_excluded_from_now_on_leave_their_waiting_unit_and_come_back_when_they_may(
    site: Installation,
) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "an image"})
    site.sync()
    assert site.states() == {"p1": "forming"}

    site.configure(extra=DIRECTORY, feed='exclude = ["*.png"]')
    site.write({"p1/label.json": "a label"})
    assert site.sync().exit_code == 0
    assert site.reason("p1") == "waits for image_1"
    assert site.files()["p1/image.png"] == ("gone", None)
    history = site.run("files", "show", "p1/image.png", "--json").json[0]["history"]
    assert history[-1]["code"] == "excluded"

    site.configure(extra=DIRECTORY)
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_excluding_the_files_of_a_registered_unit_changes_nothing_for_it(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()

    site.configure(extra=DIRECTORY, feed='exclude = ["p1/"]')

    outcome = site.sync()
    assert outcome.exit_code == 0
    assert outcome.counts["excluded"] == 1, "the folder, which is not entered"
    assert site.states() == {"p1": "registered"}
    assert outcome.feed["account"]["registered"] == 2


def test_include_takes_what_it_names_and_counts_the_rest(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='include = ["*.png", "*.json"]')
    site.write({**PAIR, "p1/notes.txt": "none of your business", "p1/scan.dcm": "a scan"})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["excluded"] == 2
    assert outcome.feed["account"]["seen"] == 2
    assert site.registered() == [REGISTERED]


def test_an_optional_file_that_is_included_later_is_late(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='exclude = ["*.dcm"]')
    site.write({**PAIR, "p1/scan.dcm": "a scan"})
    assert site.sync().exit_code == 0

    site.configure(extra=DIRECTORY)

    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "registered", "p1#2": "held"}
    assert site.registered() == [REGISTERED]


def test_a_feed_that_is_pointed_at_another_collection_keeps_what_it_registered(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/image.png": "another image"})
    site.sync()
    first = site.collection
    other = site.server.create_collection("others", specs=[IMAGE, OPTIONAL_LABEL])
    config = (site.folder / "config.toml").read_text()
    (site.folder / "config.toml").write_text(config.replace(f"data_collection = {first}", f"data_collection = {other}"))

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "registered", "p2": "registered"}
    assert len(site.server.units(first)) == 1
    assert [unit["files"]["image_1"]["path"] for unit in site.server.units(other)] == ["p2/image.png"]


def test_on_another_server_or_tenant_nothing_is_taken_for_known(site: Installation) -> None:
    """Contents and fingerprints belong to a destination: what one has says nothing of another."""
    site.configure(extra=DIRECTORY, head='tenant = "one"')
    site.write({**PAIR, "p2/image.png": "an image"})
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "forming"}
    site.server.reset_stats()

    site.configure(extra=DIRECTORY, head='tenant = "two"')
    site.write({"p2/label.json": "a label"})

    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "registered"}
    assert site.requests("POST data_files/verify_checksums/") == 1
    assert site.received() == 0, "the embedded backend has one store for all tenants"
    assert site.run("units", "show", "p2", "--json").json[0]["destination"].endswith("|two")
