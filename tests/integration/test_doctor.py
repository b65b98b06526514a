"""`doctor` finds what is wrong, goes on where one check fails, names the line that repairs it, and touches nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.config import loads
from synapse_sync.destinations.synapse.http import transport
from synapse_sync.doctor import checks, folders, inotify, names
from synapse_sync.doctor.findings import AREAS
from synapse_sync.doctor.situation import Situation
from synapse_sync.ledger import open_for_writing
from synapse_sync.ledger.backups import back_up
from synapse_sync.watching.events import Events
from synapse_sync.watching.watch import Watching

from .conftest import DIRECTORY, PAIR, Installation, typed, until

Finding = dict[str, Any]


def looked(site: Installation) -> tuple[list[Finding], int]:
    """What doctor says, and its exit code; nothing that is not well is left without a remedy."""
    outcome = site.run("doctor", "--json")
    told = outcome.json
    assert outcome.exit_code == told["exit_code"]
    assert all(finding["remedy"] for finding in told["findings"] if finding["level"] != "ok")
    assert not any("this check itself failed" in finding["words"] for finding in told["findings"])
    return told["findings"], outcome.exit_code


def about(findings: list[Finding], area: str, name: str) -> Finding:
    """The only finding of one check."""
    [found] = [finding for finding in findings if (finding["area"], finding["name"]) == (area, name)]
    return found


def repaired_by(finding: Finding) -> None:
    """Run the line as a person would who copies it."""
    subprocess.run(["sh", "-c", finding["remedy"].replace("sudo ", "")], check=True, capture_output=True)


def everything(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Every file and folder below one, with what tells that it was touched."""
    for path in sorted(folder.rglob("*")):
        found = path.stat()
        yield str(path), found.st_mtime_ns, found.st_ctime_ns


def test_where_all_is_well(site: Installation) -> None:
    site.configure(extra=DIRECTORY, project=True)
    site.write(PAIR)

    findings, code = looked(site)

    assert code == 0
    assert not [finding for finding in findings if finding["level"] == "problem"]
    assert {finding["area"] for finding in findings} == AREAS.keys()
    assert "takes the token of dev@example.com" in about(findings, "server", "token")["words"]
    assert "through v2, as the server has it" in about(findings, "server", "api")["words"]
    assert "each unit gets a task in project" in about(findings, "collection", "project")["words"]
    assert "straight to the amazon_s3" in about(findings, "storage", "reachable")["words"]
    assert "2 files in 2 folders" in about(findings, "folder", "contents")["words"]
    assert about(findings, "folder", "contents")["feed"] == "scans"


def test_nothing_is_written_here_or_there_and_no_lock_is_taken(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    for with_ledger in (False, True):
        if with_ledger:
            site.sync()
        before, stats = list(everything(site.folder)), site.server.stats()

        looked(site)

        after = site.server.stats()
        assert list(everything(site.folder)) == before
        assert (after["data_files"], after["units"]) == (stats["data_files"], stats["units"])
    with open_for_writing(site.ledger, create=False):
        findings, _ = looked(site)
    assert about(findings, "ledger", "lock")["words"] == f"process {os.getpid()} works with it now"


def test_a_person_reads_each_remedy_on_a_line_of_its_own(site: Installation) -> None:
    site.configure()
    site.folder.joinpath("token").chmod(0o644)

    printed = site.type("doctor")

    assert printed.exit_code == 0
    assert f"       → chmod o-r {site.folder}/token\n" in printed.stdout
    assert re.search(r"\d+ well, \d+ to think about, 0 to repair", printed.stdout)


def test_a_broken_config_is_told_in_full_and_the_machine_is_looked_at_all_the_same(site: Installation) -> None:
    site.configure(feed='poll_every = 30\nwatsch = "poll"')

    findings, code = looked(site)

    assert code == 2
    told = [finding for finding in findings if finding["area"] == "config"]
    assert ["poll_every" in told[0]["words"], "watsch" in told[1]["words"]] == [True, True]
    assert all(finding["remedy"].startswith(f"edit {site.config}") for finding in told)
    assert about(findings, "machine", "versions")["level"] == "ok"


def test_no_config_at_all(tmp_path: Path) -> None:
    missing = typed("--config", str(tmp_path / "none.toml"), "doctor")

    assert missing.exit_code == 2
    assert f"→ synapse-sync --config {tmp_path}/none.toml init" in missing.stdout


def test_a_config_that_others_may_change(site: Installation) -> None:
    site.configure()
    Path(site.config).chmod(0o666)

    findings, code = looked(site)

    found = about(findings, "config", "mode")
    assert (found["level"], code) == ("warning", 0)
    repaired_by(found)
    assert about(looked(site)[0], "config", "mode")["level"] == "ok"


def test_a_token_that_others_may_read(site: Installation) -> None:
    site.configure()
    (site.folder / "token").chmod(0o644)

    found = about(looked(site)[0], "token", "safe")

    assert found["level"] == "warning"
    repaired_by(found)
    assert about(looked(site)[0], "token", "safe")["level"] == "ok"


def test_no_token(site: Installation) -> None:
    site.configure()
    (site.folder / "token").unlink()

    findings, code = looked(site)

    assert (about(findings, "token", "found")["level"], code) == ("problem", 2)
    assert about(findings, "folder", "readable")["level"] == "ok", "what lies here is looked at all the same"


def test_a_token_that_the_server_refuses(site: Installation) -> None:
    site.configure()
    (site.folder / "token").write_text("syn_of_yesterday")

    findings, code = looked(site)

    found = about(findings, "server", "token")
    assert (found["level"], code) == ("problem", 3)
    assert f"login --host {site.server.url}" in found["remedy"]
    assert "syn_of_yesterday" not in str(findings)


def test_a_server_that_is_not_there(lonely_site: Installation) -> None:
    site = lonely_site
    site.configure()
    site.server.stop()

    findings, code = looked(site)

    assert (about(findings, "server", "connection")["level"], code) == ("problem", 3)
    assert about(findings, "ledger", "open")["level"] == "ok"


def test_a_name_that_nobody_knows(site: Installation) -> None:
    site.configure()
    text = Path(site.config).read_text().replace(site.server.url, "https://synapse.invalid")
    Path(site.config).write_text(text)

    findings, code = looked(site)

    assert (about(findings, "server", "name")["level"], code) == ("problem", 3)
    assert "getent hosts synapse.invalid" in about(findings, "server", "name")["remedy"]


def test_a_clock_that_is_wrong(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure()
    real = transport.time.time
    monkeypatch.setattr(transport.time, "time", lambda: real() - 3600)

    found = about(looked(site)[0], "clock", "skew")

    assert found["level"] == "warning"
    assert re.search(r"clock is (359[5-9]|360[0-5]) s behind the server's", found["words"])


def test_a_collection_that_is_not_there_and_a_project_of_another(site: Installation) -> None:
    site.configure(project=True)
    text = Path(site.config).read_text()
    other = site.server.create_collection("other", specs=[{"name": "image_1", "file_type": "image"}])
    Path(site.config).write_text(text.replace(f"data_collection = {site.collection}", f"data_collection = {other}"))

    findings, code = looked(site)

    assert (about(findings, "collection", "project")["level"], code) == ("problem", 1)
    assert f"takes units of data collection {site.collection}, not of {other}" in str(findings)

    Path(site.config).write_text(text.replace(f"data_collection = {site.collection}", "data_collection = 99"))

    findings, code = looked(site)

    assert about(findings, "collection", "usable")["level"] == "problem"


def test_a_storage_that_can_not_be_reached(site: Installation) -> None:
    site.configure()
    real = site.server._running().storage_port
    site.server._running().storage_port = 1
    try:
        findings, code = looked(site)
    finally:
        site.server._running().storage_port = real

    assert (about(findings, "storage", "reachable")["level"], code) == ("problem", 3)


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_folder_that_is_none(site: Installation, what: str) -> None:
    site.configure()
    site.share.rmdir()
    if what == "a file":
        site.share.touch()

    findings, code = looked(site)

    found = about(findings, "folder", "there")
    assert (found["level"], code) == ("problem", 1)
    assert ("is a file" in found["words"]) == (what == "a file")


@contextmanager
def somebody(*groups: int) -> Iterator[None]:
    """This process as nobody, with these groups."""
    os.setgroups(groups)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([0])


def test_a_folder_that_this_user_may_not_read_names_the_first_that_refuses(as_root: None) -> None:
    """Tried as another user, who is then let in by the group that the line says."""
    folder = Path("/var/tmp") / f"synapse-sync-doctor-{os.getpid()}"
    closed = folder / "closed"
    inside = closed / "scans"
    inside.mkdir(parents=True)
    folder.chmod(0o755)
    closed.chmod(0o700)
    try:
        with somebody():
            found = folders.look(str(inside), "scans")
        assert (found.area, found.name, found.level, found.feed) == ("folder", "there", "problem", "scans")
        assert f"{closed} is 0700 root:root" in found.words
        assert found.remedy == f"sudo setfacl -m u:nobody:x {closed}"
        os.chown(closed, 0, 100)
        closed.chmod(0o750)
        with somebody():
            found = folders.look(str(inside), "scans")
        assert found.remedy.startswith("sudo usermod -aG users nobody")
        with somebody(100):
            assert folders.look(str(inside), "scans").level == "ok"
        inside.chmod(0o711)
        with somebody(100):
            found = folders.look(str(inside), "scans")
        assert (found.name, found.remedy) == ("readable", f"sudo setfacl -m u:nobody:rx {inside}")
    finally:
        shutil.rmtree(folder)


def test_folders_and_files_below_that_this_user_may_not_read(as_root: None) -> None:
    folder = Path("/var/tmp") / f"synapse-sync-doctor-{os.getpid()}-below"
    (folder / "closed").mkdir(parents=True)
    (folder / "open.png").touch()
    (folder / "mine.png").touch()
    for path, mode in ((folder, 0o755), (folder / "closed", 0o700), (folder / "mine.png", 0o600)):
        path.chmod(mode)
    text = f'[[feeds]]\nname = "scans"\ndata_collection = 1\npath = "{folder}"\n'
    situation = Situation(None, config=loads(text, folder.parent / "config.toml"))
    try:
        with somebody():
            found = {finding.name: finding for finding in folders.contents(situation)}
    finally:
        shutil.rmtree(folder)
    assert found["below"].level == found["files"].level == "problem"
    assert found["below"].remedy == f"sudo setfacl -m u:65534:rX {folder}/closed"
    assert f"1 file of those first looked at below {folder} can't be read by nobody" in found["files"].words
    assert found["files"].remedy.startswith(f"sudo setfacl -R -m u:nobody:rX {folder}")


def test_a_mount_whose_server_is_gone_holds_nothing_else_up(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure()
    answer = threading.Event()
    monkeypatch.setattr(folders, "PATIENCE", 0.05)
    monkeypatch.setattr(folders, "look", lambda *_: answer.wait())
    try:
        findings, code = looked(site)
    finally:
        answer.set()

    assert ("gives no answer" in about(findings, "folder", "there")["words"], code) == (True, 1)
    assert about(findings, "ledger", "open")["level"] == "ok"


def test_names_that_make_trouble(site: Installation) -> None:
    site.configure()
    site.write(["a/scan.png", "a/Scan.png"])
    (site.share / "b").mkdir()
    Path(os.fsdecode(os.fsencode(site.share) + b"/b/caf\xe9.png")).touch()

    findings, code = looked(site)

    assert code == 0
    assert "b/caf%E9.png" in about(findings, "names", "encoding")["words"]
    assert re.search("a/[sS]can.png and [sS]can.png", about(findings, "names", "twins")["words"])


def test_too_few_watches(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure()
    site.write(["a/1.png", "b/1.png", "c/1.png"])
    monkeypatch.setattr("synapse_sync.doctor.watching.granted", lambda: 2)
    monkeypatch.setattr("synapse_sync.doctor.watching.granted_instances", lambda: 0)

    findings, code = looked(site)

    assert code == 0, "what can't be watched is polled"
    assert "4 folders want a watch" in about(findings, "watching", "watches")["words"]
    assert re.match(
        r"sudo sysctl fs\.inotify\.max_user_watches=\d+ && ", about(findings, "watching", "watches")["remedy"]
    )
    assert "max_user_instances=" in about(findings, "watching", "instances")["remedy"]


def test_watches_in_use_are_those_of_the_kernel(site: Installation) -> None:
    site.write(["a/1.png", "b/1.png"])
    before = inotify.of_process(os.getpid())
    watching = Watching()
    try:
        assert watching._inotify is not None
        events = Events(
            watching._inotify, os.fsencode(site.share), follow_symlinks=False,
            hint=lambda *_: None, lost=lambda _: None,
        )  # fmt: skip
        assert all(events.add(folder) for folder in (b"", b"a", b"b"))
        now = inotify.of_process(os.getpid())
    finally:
        watching.close()
    assert (now.instances, now.watches) == (before.instances + 1, before.watches + 3)
    assert inotify.in_use(os.geteuid(), except_for=0).instances >= before.instances


def test_a_ledger_that_is_damaged_and_one_of_a_newer_version(site: Installation) -> None:
    site.configure()
    site.sync()
    whole = site.ledger.read_bytes()
    site.ledger.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])

    findings, code = looked(site)

    assert code == 4
    assert [
        f for f in findings if f["area"] == "ledger" and f["level"] == "problem" and "ledger rebuild" in f["remedy"]
    ]
    site.ledger.write_bytes(whole)


def test_a_ledger_that_others_may_read(site: Installation) -> None:
    site.configure()
    site.sync()
    site.ledger.chmod(0o644)

    found = about(looked(site)[0], "ledger", "mode")

    assert found["level"] == "warning"
    repaired_by(found)
    assert about(looked(site)[0], "ledger", "mode")["level"] == "ok"


def test_a_ledger_that_was_never_copied(site: Installation) -> None:
    site.configure()
    site.sync()

    found = about(looked(site)[0], "ledger", "backup")

    assert found["level"] == "warning"
    assert f"synapse-sync --config {site.config} ledger backup" in found["remedy"]
    back_up(site.ledger, time.time() + 86400)  # by a clock that was ahead
    assert about(looked(site)[0], "ledger", "backup")["level"] == "warning"
    line = found["remedy"].replace("synapse-sync", f"{sys.executable} -m synapse_sync")
    subprocess.run(["sh", "-c", line], check=True, capture_output=True)
    assert about(looked(site)[0], "ledger", "backup")["level"] == "ok"


def test_a_ledger_on_a_share(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure()
    monkeypatch.setattr("synapse_sync.doctor.ledger.tells", lambda _mount: False)

    findings, code = looked(site)

    assert (about(findings, "ledger", "place")["level"], code) == ("problem", 4)


@pytest.mark.parametrize(("free", "level", "code"), [(50 << 20, "problem", 4), (500 << 20, "warning", 0)])
def test_a_disk_that_fills_up(
    site: Installation, monkeypatch: pytest.MonkeyPatch, free: int, level: str, code: int
) -> None:
    site.configure()
    usage = shutil.disk_usage(site.folder)._replace(free=free)
    monkeypatch.setattr("synapse_sync.doctor.ledger.shutil.disk_usage", lambda _: usage)

    findings, ended = looked(site)

    assert (about(findings, "disk", "free")["level"], ended) == (level, code)


def test_few_files_may_be_open(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure()
    monkeypatch.setattr("synapse_sync.doctor.machine.resource.getrlimit", lambda _: (256, 4096))

    assert about(looked(site)[0], "machine", "open files")["remedy"] == "ulimit -n 4096"


def test_a_check_that_fails_itself_stops_no_other(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure()

    def broken(_situation: object) -> Iterator[Finding]:
        yield from ()
        raise RuntimeError("a fault of ours")

    broken_here = tuple((area, broken if check is names.names else check) for area, check in checks.HERE)
    monkeypatch.setattr(checks, "HERE", broken_here)

    told = site.run("doctor", "--json").json["findings"]

    assert [f["words"] for f in told if "a fault of ours" in f["words"]] == [
        "this check itself failed: RuntimeError: a fault of ours"
    ]
    assert about(told, "machine", "versions")["level"] == "ok"


def test_beside_a_daemon_at_work(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    daemon = site.process("run", start_new_session=True)
    try:
        until(lambda: site.ledger.exists() and about(looked(site)[0], "service", "daemon")["level"] == "ok", "it runs")
        findings, code = looked(site)
        assert code == 0
        assert about(findings, "service", "daemon")["words"].startswith(f"process {daemon.pid} runs since")
        assert about(findings, "ledger", "lock")["words"] == f"process {daemon.pid} works with it now"
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
    assert daemon.returncode == 0
