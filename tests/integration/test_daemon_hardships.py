"""`run` where folders do not answer, sockets vanish, disks are full and people interfere: the rest goes on."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from synapse_sync.control import ask, socket_places
from synapse_sync.devserver import DevServer, Options

from .conftest import DIRECTORY, PAIR, Installation, until
from .test_daemon import QUICK, configure, counted, ended, living, registered, running, status
from .test_verify import delete_unit

ROOT = Path(__file__).parents[2]
SECOND: dict[str, bytes | str] = {"p2/image.png": "another image", "p2/label.json": "another label"}
MIB = 1 << 20

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounting takes root")


@contextmanager
def hurried(site: Installation) -> Iterator[subprocess.Popen[str]]:
    """`run` as a process of its own, with short waits; its log is printed where a test fails."""
    command = [sys.executable, "-m", "tests.faults.child", "--config", site.config, "run"]
    with living(site, subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)) as daemon:
        yield daemon


@contextmanager
def dead_mount(place: Path) -> Iterator[None]:
    """A mount whose server is gone: whoever looks at it waits, until the end of this."""
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    try:
        if libc.mount(b"dead", bytes(place), b"fuse", 0, options):
            pytest.skip(f"NOT TESTED: no mount could be made: {os.strerror(ctypes.get_errno())}")
        yield
    finally:
        libc.umount2(bytes(place), 2)  # MNT_DETACH
        os.close(server)


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A file system of this many bytes."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def feed(site: Installation, name: str, folder: str) -> str:
    """The config of one more feed."""
    return (
        f'[[feeds]]\nname = "{name}"\ndata_collection = {site.collection}\npath = "{folder}"\nsettle = "0s"\n'
        f'wait_optional = "0s"\n{DIRECTORY}\n'
    )


def facts_of(site: Installation, name: str) -> dict[str, object]:
    """What the daemon says of a feed."""
    return next(one for one in status(site)["daemon"]["feeds"] if one["name"] == name)


def handles(daemon: subprocess.Popen[str]) -> tuple[int, int]:
    """How many files it has open, and how many threads it has."""
    place = Path("/proc", str(daemon.pid))
    return len(list((place / "fd").iterdir())), len(list((place / "task").iterdir()))


@needs_root
def test_a_folder_that_does_not_answer_holds_up_nothing_but_its_feed(site: Installation) -> None:
    configure(site)
    config = Path(site.config)
    alone = config.read_text()
    with dead_mount(site.folder / "dead"):
        config.write_text(alone + feed(site, "far", "dead"))
        with hurried(site) as daemon:
            until(lambda: facts_of(site, "far")["doing"] == "list", "the feed hangs")
            site.write(PAIR)
            until(lambda: registered(site) == {"p1"}, "the other feed goes on")

            config.write_text(alone + feed(site, "far", "near"))
            (site.folder / "near").mkdir()
            assert site.type("reload").stdout == "the config is in use: changed far\n"
            until(lambda: "once it has ended" in str(facts_of(site, "far")["trouble"]), "it begins later")
            config.write_text(alone)
            assert site.type("reload").stdout == "the config is in use: removed far\n"
            config.write_text(alone.replace("[schedule]", "[upload]\nbatch_size = 3\n[schedule]"))
            assert "begin anew" in site.type("reload").stdout
            site.write(SECOND)
            until(lambda: registered(site) == {"p1", "p2"}, "the other feed goes on")
            assert "not waited for any longer: far (at list)" in ended(daemon)


@needs_root
def test_a_feed_begins_with_its_new_settings_once_its_folder_has_answered(site: Installation) -> None:
    configure(site)
    config = Path(site.config)
    alone = config.read_text()
    with hurried(site) as daemon:
        with dead_mount(site.folder / "dead"):
            config.write_text(alone + feed(site, "far", "dead"))
            site.run("reload")
            until(lambda: facts_of(site, "far")["doing"] == "list", "the feed hangs")
            config.write_text(alone + feed(site, "far", "near"))
            near = site.folder / "near" / "p1"
            near.mkdir(parents=True)
            (near / "image.png").write_text("an image")
            (near / "label.json").write_text("a label")
            site.run("reload")
        until(lambda: registered(site) == {"p1"}, "the feed has begun anew")
        ended(daemon)


def test_a_socket_that_somebody_took_away_is_there_again(site: Installation) -> None:
    configure(site)
    with hurried(site):
        place = next(place for place in socket_places(Path(site.config)) if place.exists())
        place.unlink()
        until(lambda: status(site)["daemon"] is not None, "the daemon answers again")


def test_signals_at_any_instant_are_heard(site: Installation) -> None:
    configure(site)
    with hurried(site) as daemon:
        for _ in range(5):
            for _ in range(100):
                daemon.send_signal(signal.SIGUSR1)
                daemon.send_signal(signal.SIGHUP)
            assert site.type("reload").exit_code == 0
        assert "state: " in ended(daemon)


def test_commands_and_reloads_leave_no_files_open_and_no_threads(site: Installation) -> None:
    configure(site)
    config = Path(site.config)
    text = config.read_text()
    with hurried(site) as daemon:

        def many() -> tuple[int, int]:
            for number in range(10):
                config.write_text(text.replace('settle = "0s"', f'settle = "{number + 1}ms"'))
                site.run("reload")
                site.run("retry", "--all")
            until(lambda: facts_of(site, "scans")["watched"] and not facts_of(site, "scans")["doing"], "it waits")
            return handles(daemon)

        many()
        files, threads = many()
        more_files, more_threads = many()
        assert (more_files - files, more_threads - threads) < (4, 3), "a connection that is kept open may come and go"


def test_a_feed_that_rests_parks_what_it_sends(lonely_site: Installation) -> None:
    site = lonely_site
    limits = '[upload]\nroute = "chunked"\nchunk_size = "256KiB"\nbandwidth_limit = "1MB/s"\n'
    configure(site, head=limits + QUICK)
    site.write({"p1/image.png": os.urandom(6 * MIB), "p1/label.json": "a label"})
    with running(site) as daemon:
        until(lambda: site.received() > MIB, "it is on its way")
        site.type("pause")
        until(lambda: facts_of(site, "scans")["doing"] == "", "it rests")
        assert not registered(site)
        received = site.received()
        site.type("resume")
        until(lambda: registered(site) == {"p1"}, "it has gone on")
        assert received < 6 * MIB
        assert site.received() < 6 * MIB + 400_000, "nothing is sent twice but what was just on its way"
        ended(daemon)


def test_verify_repairs_through_the_daemon(site: Installation) -> None:
    configure(site)
    site.write({**PAIR, **SECOND})
    with running(site) as daemon:
        until(lambda: registered(site) == {"p1", "p2"}, "both are registered")
        delete_unit(site, "p1")

        assert "1 unit will be made again" in site.type("verify", "--repair", "--yes").stderr

        until(lambda: registered(site) == {"p1", "p2"}, "it is there again")
        gone = [[unit, 1] for (unit,) in site.rows("SELECT id FROM units")]
        assert ask(Path(site.config), "put_back", units=gone) == {"count": 0}, "the server calls them otherwise"
        ended(daemon)


def test_what_the_daemon_does_for_nobody_says_that_it_must_end_first(site: Installation) -> None:
    configure(site)
    with running(site):
        for command in (("ledger", "rebuild", "--yes"), ("once", "--infer-again")):
            refused = site.type(*command)
            assert refused.exit_code == 4
            assert "systemctl stop synapse-sync" in refused.stderr


def test_what_only_reads_works_beside_the_daemon(site: Installation) -> None:
    configure(site)
    site.write(PAIR)
    with running(site):
        until(lambda: site.states() == {"p1": "registered"}, "it is registered")
        for command in (
            ("status",), ("files",), ("units",), ("runs",), ("why", "p1/image.png"), ("units", "show", "p1"), ("plan",),
            ("verify",), ("ledger", "check"), ("ledger", "export"), ("ledger", "backup", str(site.folder / "copy")),
        ):  # fmt: skip
            assert site.type(*command).exit_code == 0, command


@needs_root
def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    with DevServer(Options(data=tmp_path / "backend")) as server, small_disk(tmp_path / "state", 3 * MIB):
        site = Installation(tmp_path, server)
        configure(site)
        config = Path(site.config)
        config.write_text(config.read_text().replace('"ledger.db"', '"state/ledger.db"'))
        with hurried(site) as daemon:
            with suppress(OSError):
                (tmp_path / "state" / "full").write_bytes(bytes(4 * MIB))
            site.write({f"p{n}/{name}": f"{name} {n}" for n in range(40) for name in ("image.png", "label.json")})
            until(lambda: "is full" in str(facts_of(site, "scans")["trouble"]), "it says that the disk is full")
            assert "is full" in site.type("pause").stderr
            (tmp_path / "state" / "full").unlink()
            until(lambda: len(registered(site)) == 40, "it goes on by itself")
            ended(daemon)


def test_a_server_that_stays_away_makes_neither_the_ledger_nor_the_log_grow(lonely_site: Installation) -> None:
    site = lonely_site
    configure(site)
    site.write(PAIR)
    url = site.server.url
    site.server.stop()
    with hurried(site) as daemon:
        until(lambda: facts_of(site, "scans")["trouble"], f"{url} is missed")
        until(lambda: {state for state, _ in site.files().values()} == {"settled"}, "no more can be done without it")
        until(lambda: facts_of(site, "scans")["doing"] == "", "the run has ended")
        before = site.ledger_text()
        for _ in range(15):
            site.type("trigger")
            until(lambda: facts_of(site, "scans")["doing"] == "", "the run has ended")
        assert site.ledger_text() == before
        log = ended(daemon)
    assert log.count("no connection") <= 2, log


def test_an_audit_that_hangs_does_not_keep_it_from_ending(site: Installation) -> None:
    configure(site, head=f'{QUICK}audit_every = "1s"\n')
    site.write(PAIR)
    with running(site) as daemon:
        until(lambda: registered(site) == {"p1"}, "there is something to audit")
        for listing in ("GET data_units/", "GET v2/data-units/"):
            site.server.fault(listing, "hang", times=None)
        asked = counted(site, "data-units/")
        until(lambda: counted(site, "data-units/") > asked, "an audit waits for an answer")
        assert "upkeep" in ended(daemon)
