"""The service's life under a real systemd, as `service install` puts it in place: start, reload, hang, stop, again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .host import SHARE, Host, until
from .machine import PYTHON

MIB = 1 << 20


@pytest.fixture
def quick(host: Host) -> Host:
    """A host whose service is watched and started again within seconds instead of minutes."""
    text = "[Service]\nWatchdogSec=3\nRestartSec=100ms\n"
    host.put("/etc/systemd/system/synapse-sync.service.d/50-quick.conf", text)
    return host


def test_from_installation_to_removal(host: Host) -> None:
    host.scan("p1")
    said = host.machine.sync("service", "install").stdout

    assert "written: /etc/systemd/system/synapse-sync.service\n" in said
    assert "synapse-sync.service: active (running), enabled" in said
    until(lambda: host.keys() == ["p1"], "what was there is registered", host.machine)
    host.scan("p2")
    until(lambda: host.keys() == ["p1", "p2"], "what arrives is registered", host.machine)

    assert host.machine.sync("service", "status").returncode == 0
    assert host.machine.sync("status").returncode == 0  # root reads the ledger and speaks to the daemon
    host.machine.sync("service", "install")  # over itself: the newest package, the config of now
    removed = host.machine.sync("service", "uninstall").stdout
    assert "removed: /etc/systemd/system/synapse-sync.service\n" in removed
    assert host.machine.show("LoadState") == "not-found"
    assert not list(host.path("/etc/systemd/system").glob("synapse-sync*"))
    assert host.machine.run("test", "-s", "/var/lib/synapse-sync/ledger.db").returncode == 0
    assert host.machine.sync("service", "uninstall", check=False).returncode == 2


def test_what_the_service_is_and_may(host: Host) -> None:
    host.machine.sync("service", "install")
    pid = host.machine.show("MainPID")
    status = dict(line.split(":\t", 1) for line in host.reads(f"/proc/{pid}/status").splitlines() if ":\t" in line)

    assert host.machine.show("Type") == "notify"
    assert int(status["Uid"].split()[0]) >= 61184
    assert status["CapEff"] == "0" * 16
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    environ = host.reads(f"/proc/{pid}/environ") + host.reads(f"/proc/{pid}/cmdline")
    assert host.server.options.token not in environ
    for path, mode in (("/var/lib/private/synapse-sync", 0o700), ("/run/synapse-sync", 0o750)):
        assert host.path(path).stat().st_mode & 0o777 == mode
    assert [path.suffix for path in host.path("/run/synapse-sync").iterdir()] == [".sock"]


def test_a_share_of_another_group(host: Host) -> None:
    """Mode 0770, and a subfolder that belongs to yet another group."""
    host.scan("p1")
    host.scan("p2")
    host.machine.run("groupadd", "radiology")
    host.machine.run("groupadd", "cardiology")
    host.machine.run("chown", "-R", "root:radiology", SHARE)
    host.machine.run("chgrp", "-R", "cardiology", f"{SHARE}/p2")
    host.machine.run("chmod", "-R", "u=rwX,g=rwX,o=", SHARE)
    host.machine.sync("service", "install")

    drop_in = host.reads("/etc/systemd/system/synapse-sync.service.d/10-feeds.conf")
    assert "SupplementaryGroups=cardiology radiology\n" in drop_in
    assert f"RequiresMountsFor={SHARE}\n" in drop_in
    until(lambda: host.keys() == ["p1", "p2"], "what two groups own is registered", host.machine)


def test_the_status_line_tells_how_it_is(quick: Host) -> None:
    host = quick
    host.scan("p1")
    host.machine.sync("service", "install")
    until(lambda: host.keys() == ["p1"], "it is registered", host.machine)
    until(
        lambda: (
            host.machine.show("StatusText").startswith("nothing waits, last registration 20")
            and host.machine.show("StatusText").endswith("; all well")
        ),
        "the status says that all is well",
        host.machine,
    )
    host.put(f"{SHARE}/p1/image.png", "somebody changed it")
    until(lambda: "1 of scans need you" in host.machine.show("StatusText"), "the status names it", host.machine)


def test_reload_takes_over_a_changed_config_and_keeps_the_process(quick: Host) -> None:
    host = quick
    host.configure(feed='exclude = ["p2/"]')
    for key in ("p1", "p2"):
        host.scan(key)
    host.machine.sync("service", "install")
    until(lambda: host.keys() == ["p1"], "what is not excluded is registered", host.machine)
    pid = host.machine.show("MainPID")

    good = host.reads("/etc/synapse-sync/config.toml")
    host.put("/etc/synapse-sync/config.toml", good + "\nnonsense = 1\n")
    host.machine.run("systemctl", "reload", "synapse-sync")
    until(lambda: "nonsense" in host.machine.show("StatusText"), "the status says what is wrong", host.machine)
    host.configure()
    host.machine.run("systemctl", "reload", "synapse-sync")

    until(lambda: host.keys() == ["p1", "p2"], "what is no longer excluded is registered", host.machine)
    until(lambda: "nonsense" not in host.machine.show("StatusText"), "the status is well again", host.machine)
    assert (host.machine.show("MainPID"), host.machine.show("NRestarts")) == (pid, "0")


def test_a_service_that_hangs_is_started_again_and_loses_nothing(quick: Host) -> None:
    host = quick
    host.scan("p1")
    host.machine.sync("service", "install")
    until(lambda: host.keys() == ["p1"], "it is registered", host.machine)
    pid = host.machine.show("MainPID")

    host.machine.run("systemctl", "kill", "-s", "STOP", "--kill-whom=main", "synapse-sync")
    host.scan("p2")
    until(
        lambda: host.machine.show("MainPID") not in ("0", pid) and host.machine.show("SubState") == "running",
        "the watchdog starts it again",
        host.machine,
    )
    until(lambda: host.keys() == ["p1", "p2"], "it goes on", host.machine)
    assert "Watchdog timeout" in host.machine.journal("-o", "cat", "UNIT=synapse-sync.service")


def test_stop_during_a_slow_upload_and_start_again(host: Host) -> None:
    """Chunks of a large file crawl. Stop lets what is on its way come to an end; the next start sends only the rest."""
    host.configure(head='[upload]\nroute = "chunked"\nchunk_size = "1MiB"\nworkers = 1\n')
    host.scan("p1", size=12 * MIB)
    host.server.fault("PUT chunked_upload/{id}/", "delay", times=None, seconds=1.0)
    host.machine.sync("service", "install")
    until(lambda: host.server.stats()["bytes_received"] >= 3 * MIB, "some of it has been sent", host.machine)

    host.machine.run("systemctl", "stop", "synapse-sync")
    assert host.machine.show("Result") == "success"
    assert host.machine.show("ExecMainStatus") == "0"
    assert host.keys() == []
    assert host.server.stats()["bytes_received"] < 12 * MIB

    host.server.clear_faults()
    host.machine.run("systemctl", "start", "synapse-sync")
    until(lambda: host.keys() == ["p1"], "it is registered in the end", host.machine)
    host.machine.run("systemctl", "stop", "synapse-sync")
    assert host.keys() == ["p1"]
    sent = host.server.stats()["bytes_received"]
    assert 12 * MIB <= sent < 14 * MIB, "nothing that had arrived was sent again, but for one chunk at most"


def test_a_killed_service_is_back_and_has_each_unit_once(quick: Host) -> None:
    host = quick
    keys = [f"p{number}" for number in range(10, 40)]
    for key in keys:
        host.scan(key)
    host.machine.sync("service", "install")
    for _ in range(3):
        host.machine.run("systemctl", "kill", "-s", "KILL", "synapse-sync")
        until(lambda: host.machine.show("SubState") == "running", "it is back", host.machine)
    until(lambda: len(host.keys()) >= len(keys), "all are registered", host.machine)
    host.machine.run("systemctl", "stop", "synapse-sync")
    assert host.keys() == keys


def test_a_missing_token_stops_it_in_words_and_it_is_not_tried_for_ever(quick: Host) -> None:
    host = quick
    host.machine.sync("service", "install")
    host.path("/etc/credstore/synapse-access-token").unlink()
    host.machine.run("systemctl", "restart", "synapse-sync", check=False)

    until(lambda: host.machine.show("ActiveState") == "failed", "it has ended", host.machine)
    assert (host.machine.show("ExecMainStatus"), host.machine.show("NRestarts")) == ("2", "0")
    assert "there is no access token" in host.machine.journal("-u", "synapse-sync", "-o", "cat")
    assert host.machine.sync("service", "status", check=False).returncode == 1


def test_the_journal_has_the_fields_and_no_secret(quick: Host) -> None:
    host = quick
    host.scan("p1")
    host.put(f"{SHARE}/p1/second.png", "which of the two?")
    host.machine.sync("service", "install")

    def entries(*match: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in host.machine.journal("-o", "json", *match).splitlines()]

    until(lambda: entries("FEED=scans", "UNIT_KEY=p1"), "the journal knows the unit", host.machine)
    held = entries("FEED=scans", "UNIT_KEY=p1")[0]
    assert (held["PRIORITY"], held["_SYSTEMD_UNIT"]) == ("4", "synapse-sync.service")
    assert "p1" in held["MESSAGE"]
    assert host.server.options.token not in host.machine.journal("-o", "export")


def test_root_may_sync_by_hand_before_and_between(host: Host) -> None:
    """What root leaves in the ledger's folder must not be in the service's way."""
    by_hand = ["env", f"SYNAPSE_ACCESS_TOKEN={host.server.options.token}", PYTHON, "-m", "synapse_sync", "once"]
    host.scan("p1")
    host.machine.run(*by_hand)
    assert host.keys() == ["p1"]
    host.machine.sync("service", "install")
    host.scan("p2")
    until(lambda: host.keys() == ["p1", "p2"], "the service goes on with root's ledger", host.machine)

    refused = host.machine.run(*by_hand, check=False)
    assert refused.returncode == 4
    host.machine.run("systemctl", "stop", "synapse-sync")
    host.scan("p3")
    host.machine.run(*by_hand)
    host.machine.run("systemctl", "start", "synapse-sync")
    host.scan("p4")
    until(lambda: host.keys() == ["p1", "p2", "p3", "p4"], "the service goes on again", host.machine)


def test_who_may_not_command_it_is_told_how(host: Host) -> None:
    host.machine.sync("service", "install")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    result = host.machine.run(
        *nobody, "/opt/synapse-sync/bin/python", "-m", "synapse_sync", "trigger", check=False
    )  # fmt: skip
    assert result.returncode != 0
    assert "sudo" in result.stderr
    assert host.machine.sync("trigger").stdout == "runs now: scans\n"


def test_two_instances_share_nothing(host: Host) -> None:
    for name in ("lab", "ward"):
        host.configure(f"/srv/{name}", name=name)
        host.scan(f"{name}-1", path=f"/srv/{name}")
        host.machine.sync("service", "install", "--instance", name)
    until(lambda: host.keys() == ["lab-1", "ward-1"], "both are registered", host.machine)

    for name in ("lab", "ward"):
        host.machine.run("test", "-s", f"/var/lib/synapse-sync-{name}/ledger.db")
        host.machine.sync("--config", f"/etc/synapse-sync/{name}.toml", "trigger")
    first = host.machine.sync("service", "uninstall", "--instance", "lab").stdout
    assert "synapse-sync@.service" not in first  # the other one still needs it
    assert host.machine.show("ActiveState", "synapse-sync@ward.service") == "active"
    host.machine.sync("service", "uninstall", "--instance", "ward")
    assert not list(host.path("/etc/systemd/system").glob("synapse-sync*"))


def test_a_mount_that_comes_late_is_waited_for(host: Host, tmp_path: Path) -> None:
    """RequiresMountsFor: the service starts after the mount of its feed, and the files are those of the mount."""
    mount = "[Mount]\nWhat=tmpfs\nWhere=/srv/nas\nType=tmpfs\n"
    host.put("/etc/systemd/system/srv-nas.mount", mount)
    host.machine.run("systemctl", "daemon-reload")
    host.machine.sync("service", "install")

    assert os.path.ismount(host.path("/srv/nas"))
    assert "srv-nas.mount" in host.machine.show("Requires")
