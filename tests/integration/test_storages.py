"""Feeds from storages that the server tells of: `storage = 11` and a path below its root."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.assembly import open_destination, put_to_work
from synapse_sync.config import load, resolve
from synapse_sync.devserver import DevServer, Options
from synapse_sync.feed_loop import FeedLoop, facts
from synapse_sync.ledger import open_for_writing
from synapse_sync.steps import Work
from synapse_sync.storages import Storages, sessions
from synapse_sync.watching import Watching

from .conftest import DIRECTORY, PAIR, STEM, Installation, until
from .test_daemon import QUICK

PATIENTS = {"p1", "p2"}
SESSION = "POST storages/{id}/session/"
SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture
def nas(site: Installation) -> int:
    """A storage that is a folder of this machine."""
    return site.server.create_storage("file_system", {"location": str(site.share)})


@pytest.fixture
def options(site: Installation) -> Iterator[Any]:
    """Switch options of the backend."""
    backend = site.server._running()
    before = backend.options

    def switch(**changes: Any) -> None:
        backend.options = replace(backend.options, **changes)

    yield switch
    backend.options = before


def configured(site: Installation, storage: int, path: str = "scans", extra: str = "") -> None:
    site.configure(extra=DIRECTORY + extra, head=QUICK, feed='wait_optional = "0s"')
    config = Path(site.config)
    config.write_text(config.read_text().replace('path = "share"', f'storage = {storage}\npath = "{path}"'))


def fill(site: Installation) -> None:
    for patient in PATIENTS:
        site.write({f"scans/{patient}/image.png": f"image {patient}", f"scans/{patient}/label.json": patient})


def test_a_folder_of_this_machine_is_read_like_any_other_and_events_are_heard_there(
    site: Installation, nas: int
) -> None:
    fill(site)
    configured(site, nas)

    assert {unit["key"] for unit in site.run("plan", "--json").json["feeds"][0]["units"]} == PATIENTS
    assert site.sync().exit_code == 0

    assert set(site.units()) == PATIENTS
    for path in (f"{site.share}/scans/p1/image.png", "p1/image.png"):
        (story,) = site.run("why", path, "--json").json
        assert story["unit"]["state"] == "registered"
        assert site.run("files", "show", path, "--json").json[0]["unit"] == "scans:p1"
    before = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == before


@pytest.mark.parametrize("path", ["", "."])
def test_the_root_of_a_storage(site: Installation, nas: int, path: str) -> None:
    site.write(PAIR)
    configured(site, nas, path)
    assert site.sync().exit_code == 0
    assert set(site.units()) == {"p1"}


def test_each_asset_has_its_own_storage_the_feeds_or_none(site: Installation, nas: int, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.json").write_text("label")
    other = tmp_path / "other"
    (other / "dicoms").mkdir(parents=True)
    (other / "dicoms/a.dcm").write_text("dicom")
    archive = site.server.create_storage("local", {"location": str(other)})
    site.write({"images/a.png": "image"})
    assets = (
        f'[feeds.assets.image_1]\npath = "images"\n[feeds.assets.label_1]\npath = "{tmp_path}/labels"\n'
        f'[feeds.assets.dicom_1]\npath = "dicoms"\nstorage = {archive}\n'
    )
    site.configure(feed=f"storage = {nas}", extra=f"{STEM}{assets}")
    assert site.sync().exit_code == 0
    assert site.units()["a"].keys() == {"image_1", "label_1", "dicom_1"}


def test_an_older_backend_has_no_sessions(site: Installation, nas: int, options: Any) -> None:
    options(sessions=False)
    fill(site)
    configured(site, nas)
    assert site.sync().exit_code == 0
    assert set(site.units()) == PATIENTS
    assert site.requests("GET storages/{id}/") == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("provider_unsupported", "hands out no access to storages of this kind"),
        ("credential_not_registered", "has no credentials for it"),
        ("expired", "have expired"),
    ],
)
def test_a_refusal_that_is_final_is_told_in_words(
    site: Installation, nas: int, options: Any, code: str, words: str
) -> None:
    options(session_code=code)
    configured(site, nas)
    outcome = site.sync()
    assert outcome.exit_code == 1
    assert words in outcome.feed["paused"]
    assert site.requests("GET storages/{id}/") == 0


def test_a_storage_that_is_not_there_or_of_a_kind_that_is_not_read_or_elsewhere(site: Installation) -> None:
    configured(site, 99)
    assert "storage 99" in site.sync().feed["paused"]
    azure = site.server.create_storage("azure", {"account_key": SECRET})
    configured(site, azure)
    outcome = site.type("once")
    assert "this version reads no storage of Azure" in outcome.stdout
    assert SECRET not in outcome.stdout + outcome.stderr
    away = site.server.create_storage("file_system", {"location": "/volume7/of/the/server"})
    configured(site, away)
    assert "write the path at which this machine has it" in site.sync().feed["paused"]


def test_a_storage_that_holds_the_ledger_is_not_read(site: Installation) -> None:
    above = site.server.create_storage("file_system", {"location": str(site.folder)})
    configured(site, above, ".")
    assert f"holds {site.ledger}" in site.sync().feed["paused"]


def test_a_storage_that_becomes_another_folder_is_like_a_changed_path(site: Installation, nas: int) -> None:
    fill(site)
    configured(site, nas)
    site.sync()
    other = site.folder / "other"
    (other / "scans/p3").mkdir(parents=True)
    for name, content in (("image.png", "image p3"), ("label.json", "p3")):
        (other / "scans/p3" / name).write_text(content)
    site.server.change_storage(nas, "file_system", {"location": str(other)}, name="the new one")

    assert site.sync().exit_code == 0

    assert set(site.units()) == {*PATIENTS, "p3"}


@pytest.fixture
def away(tmp_path: Path) -> tuple[Installation, DevServer]:
    """A feed in a storage, of a server that does not run now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = DevServer(Options(data=tmp_path / "backend", port=port))
    with server:
        site = Installation(tmp_path, server)
        configured(site, server.create_storage("file_system", {"location": str(site.share)}))
    fill(site)
    return site, server


def test_a_server_that_is_down_keeps_only_feeds_in_its_storages_from_being_looked_at(
    away: tuple[Installation, DevServer], impatient: None
) -> None:
    site, server = away
    (site.folder / "local/q1").mkdir(parents=True)
    (site.folder / "local/q1/image.png").write_text("an image")
    config = Path(site.config)
    local = f'[[feeds]]\nname = "local"\ndata_collection = {site.collection}\npath = "local"\nsettle = "0s"\n'
    config.write_text(f"{config.read_text()}\n{local}{DIRECTORY}")

    outcome = site.sync()

    assert outcome.exit_code == 3
    paused = {feed["name"]: feed["paused"] for feed in outcome.json["feeds"]}
    assert "could not get access to storage 11: no connection" in paused["scans"]
    assert not paused["local"]
    assert "q1/image.png" in site.files()
    with server:
        site.sync()
        assert set(site.units()) == PATIENTS


def test_once_waits_for_a_server_that_fails_for_a_moment(
    site: Installation, nas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "AGAIN", 0.01)
    site.server.fault(SESSION, "status", times=2, code=503)
    fill(site)
    configured(site, nas)
    assert site.sync().exit_code == 0
    assert set(site.units()) == PATIENTS


def test_doctor_and_config_check_say_where_a_storage_is_or_why_that_is_not_known(site: Installation, nas: int) -> None:
    def told() -> tuple[str, str, str]:
        found = [one for one in site.run("doctor", "--json").json["findings"] if one["name"] == "storage"]
        return found[0]["level"], found[0]["words"], found[0]["remedy"]

    fill(site)
    configured(site, nas)
    place = f"storage {nas} (NAS, file_system), path scans → {site.share}/scans"
    assert told() == ("ok", place, "")
    assert f"feed scans: {place}" in site.type("config", "check").stdout
    assert site.run("config", "check", "--json").json["storages"] == [
        {"feed": "scans", "asset": "", "storage": nas, "name": "NAS", "path": "scans", "place": f"{site.share}/scans"}
    ]

    configured(site, nas, "elsewhere")
    level, words, remedy = told()
    assert (level, "this machine has none" in words, "mount it there" in remedy) == ("problem", True, True)
    checked = site.type("config", "check")
    assert checked.exit_code == 0
    assert "warning: feed scans: storage 11, path elsewhere is the folder" in checked.stdout

    (site.folder / "token").unlink()
    assert told()[1] == "storage 11, path elsewhere: the server could not be asked where that is"
    assert "warning: storages could not be asked for" in site.type("config", "check").stdout


def test_a_feed_that_is_watched_waits_for_the_server_and_follows_a_storage_to_another_folder(
    site: Installation, nas: int
) -> None:
    fill(site)
    configured(site, nas)
    config, later = load(Path(site.config)), [0.0]
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_writing(site.ledger, create=True) as ledger,
    ):
        storages = Storages(destination, clock=lambda: time.time() + later[0])

        def begin(progressed: Callable[[str, int], None]) -> Work:
            return put_to_work(
                config, config.feeds[0], ledger, destination,
                patient=True, clock=time.time, watch=progressed, storages=storages,
            )  # fmt: skip

        loop = FeedLoop(config.feeds[0], begin, Watching(), lambda: config, lambda _one: None)
        site.server.fault(SESSION, "status", times=None, code=503)
        loop.start()
        try:
            until(lambda: "storage" in facts(loop)["trouble"], "the storage is missed")
            site.server.clear_faults()
            loop.trigger()
            until(lambda: set(site.units()) == PATIENTS, "the storage's units are registered")
            other = site.folder / "other/scans"
            other.mkdir(parents=True)
            site.server.change_storage(nas, "file_system", {"location": str(other.parent)})
            later[0] = 3600.0
            loop.trigger()
            until(lambda: facts(loop)["watched"][0]["root"] == str(other), "the new place is watched")
            (other / "p3").mkdir()
            (other / "p3/image.png").write_text("image p3")
            (other / "p3/label.json").write_text("p3")
            until(lambda: "p3" in site.units(), "what arrives there is registered")
        finally:
            loop.stop()
            assert loop.join(10.0)
    assert loop.fatal is None
    assert set(site.units()) == {*PATIENTS, "p3"}


@pytest.mark.parametrize("place", ["tables/patients.csv", "scans/meta/patients.csv"])
def test_a_table_is_relative_to_the_storage(site: Installation, nas: int, place: str) -> None:
    fill(site)
    site.write({place: "name,age\np1,4\np2,5\n"})
    configured(site, nas, extra=f'[feeds.metadata]\ntable = "{place}"\n')
    assert {unit["key"] for unit in site.run("plan", "--json").json["feeds"][0]["units"]} == PATIENTS
    assert site.sync().exit_code == 0
    assert {str(unit["meta"]["age"]) for unit in site.server.units(site.collection)} == {"4", "5"}
