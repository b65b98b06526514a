"""Whatever happens on an SSH, SMB or FTP server while it is synced: each unit is there once, nothing half is sent."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from synapse_sync.sources.conversed import ConversedSource
from synapse_sync.sources.conversed_file import ConversedFile
from synapse_sync.sources.conversing import Entry, Refused

from ..conftest import PAIR, Installation, stored, until
from .feeds import PATIENTS, configured, fill, polling
from .places import Served
from .spooled import with_upload


def test_a_file_is_seen_unchanged_twice_before_it_is_sent_also_without_any_settle(
    site: Installation, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is replaced within one second may look the same, and a second look comes when it is over."""
    for name, content in PAIR.items():
        served.put(name, str(content).encode())
    configured(site, served)
    listings: list[float] = []
    real = ConversedSource.listing

    def listing(source: ConversedSource, *arguments: Any) -> Any:
        if listings:
            replace = served.root / "p1/image.png"
            before = replace.stat().st_mtime
            if len(listings) == 1:  # within the same second, of the same size
                replace.write_bytes(b"!" * replace.stat().st_size)
                os.utime(replace, (before, before))
        listings.append(time.monotonic())
        return real(source, *arguments)

    monkeypatch.setattr(ConversedSource, "listing", listing)
    assert site.sync().exit_code == 0
    assert len(listings) >= 2
    site.sync()  # a share tells more: there the change was seen, and may have outlasted the first run
    (unit,) = site.registered()
    assert unit["image_1"] == stored("!" * len(str(PAIR["p1/image.png"])))


def test_an_upload_that_grows_over_several_polls_is_never_sent_before_it_is_whole(
    site: Installation, reached: Served
) -> None:
    configured(site, reached, feed='poll_every = "1s"\nwait_optional = "0s"')
    whole = os.urandom(40_000)
    with polling(site):
        (reached.root / "p1").mkdir()
        (reached.root / "p1/label.json").write_text("label")
        with (reached.root / "p1/image.png").open("wb") as arriving:
            for number in range(20):
                arriving.write(whole[number * 2000 : number * 2000 + 2000])
                arriving.flush()
                time.sleep(0.3)
                assert not site.server.units(site.collection)
        until(lambda: site.server.units(site.collection), "the unit is there")
    assert [unit["image_1"] for unit in site.registered()] == [stored(whole)]
    assert site.received() == len(whole) + len("label")


def test_a_file_that_is_replaced_between_hashing_and_sending_is_never_registered_as_what_it_was(
    site: Installation, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in PAIR.items():
        served.put(name, str(content).encode())
    configured(site, served)
    with_upload(site, "spool_size = 0")  # else it is read once
    opened: list[bytes] = []
    real = ConversedFile.__enter__

    def enter(file: ConversedFile) -> Any:
        if file._path.endswith(b"image.png"):
            opened.append(file._path)
            if len(opened) == 2:
                served.put("p1/image.png", b"another one")
        return real(file)

    monkeypatch.setattr(ConversedFile, "__enter__", enter)
    site.sync()
    site.sync()
    assert [unit["image_1"] for unit in site.registered()] == [stored("another one")]


def test_a_server_that_goes_down_takes_nothing_away_and_the_next_run_goes_on(
    site: Installation, reached: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(reached.source()), "certain_after", 0.0)
    fill(reached)
    configured(site, reached)
    assert site.sync().exit_code == 0
    reached.server.stop()
    try:
        failed = site.sync()
        assert failed.exit_code == 1
        assert "can't be listed" in failed.stdout
        assert "gone" not in {state for state, _ in site.files().values()}
    finally:
        reached.server.start()
    reached.delete("p0/image.png")
    assert site.sync().counts["gone"] == 1


def test_a_server_that_restarts_again_and_again_hinders_no_unit(site: Installation, reached: Served) -> None:
    configured(site, reached, feed='poll_every = "1s"\nwait_optional = "0s"')
    stop = threading.Event()

    def restarts() -> None:
        while not stop.wait(0.7):
            reached.server.restart()

    restarting = threading.Thread(target=restarts)
    with polling(site):
        fill(reached)
        restarting.start()
        time.sleep(5)
        stop.set()
        restarting.join()
        until(lambda: len(site.server.units(site.collection)) == len(PATIENTS), "the server's units are there")
    assert set(site.units()) == set(PATIENTS)
    assert "gone" not in {state for state, _ in site.files().values()}


def test_a_host_that_hangs_delays_no_other_feed(site: Installation, reached: Served) -> None:
    """The other feed is local; the host takes connections and never says a word."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        table = f"{reached.table}connect_timeout = '60s'\n"
        configured(site, reached, table=table)
        config = site.folder / "config.toml"
        text = config.read_text().replace(f"127.0.0.1:{reached.port}", f"127.0.0.1:{silent.getsockname()[1]}")
        config.write_text(
            text + f'\n[[feeds]]\nname = "local"\ndata_collection = {site.collection}\npath = "share"\nsettle = "0s"\n'
            'wait_optional = "0s"\n[feeds.grouping]\nby = "directory"\n'
        )
        site.write(PAIR)
        with polling(site):
            until(lambda: site.server.units(site.collection), "the local feed's unit is there")


@pytest.mark.parametrize(
    ("kind", "says"), [("unsaid", "does not tell its kind and size"), ("link", "denied to what the link leads to")]
)
def test_a_known_file_of_which_a_listing_tells_nothing_but_its_name_is_not_gone(
    site: Installation, served: Served, monkeypatch: pytest.MonkeyPatch, kind: Any, says: str
) -> None:
    """A server whose disks are busy, or away, may know names alone for a while; a permission may be withdrawn."""
    fill(served)
    configured(site, served, feed="follow_symlinks = true")
    site.sync()
    entries, look = served.talks.entries, served.talks.look

    def untold(talk: Any, handle: Any, requests: int) -> Any:
        found, end = entries(talk, handle, requests)
        return [Entry(one.name, kind) if one.name == b"image.png" else one for one in found], end

    def still_untold(talk: Any, path: bytes, *, follow: bool) -> Any:
        if not path.endswith(b"image.png"):
            return look(talk, path, follow=follow)
        if kind == "link":
            raise Refused("no", denied=True)
        return Entry(b"", "unsaid")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(served.talks, "entries", untold)
        meanwhile.setattr(served.talks, "look", still_untold)
        assert says in site.sync().stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    assert site.sync().exit_code == 0
    assert len(site.units()) == len(PATIENTS)
