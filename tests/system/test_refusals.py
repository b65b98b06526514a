"""`service install` on a machine where the service could not work: it says why and what to do, and changes nothing."""

from __future__ import annotations

import os
import pwd
import subprocess

import pytest

from .host import CREDENTIAL, SHARE, Host

UNIT = "/etc/systemd/system/synapse-sync.service"
HOME = pwd.getpwnam("root").pw_dir


def refused(result: subprocess.CompletedProcess[str], host: Host) -> str:
    """What it said; that nothing was changed."""
    assert result.returncode in (2, 4), result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert not os.path.exists(host.path(f"{UNIT}.d"))
    assert host.machine.show("LoadState") == "not-found"
    return result.stderr


def test_a_token_that_is_missing_comes_with_the_line_that_stores_it(host: Host) -> None:
    host.path(CREDENTIAL).unlink()
    words = refused(host.machine.sync("service", "install", check=False), host)
    assert "there is no access token for the service" in words
    line = words.partition("store it with: ")[2].partition(" (then")[0].replace("sudo ", "")
    host.machine.run("sh", "-c", line, text="syn_0123456789abcdef\n")
    assert "access token" not in host.machine.sync("service", "install", "--dry-run").stderr


def test_a_token_that_others_may_read_or_that_is_none(host: Host) -> None:
    host.path(CREDENTIAL).chmod(0o644)
    assert "others may read the token: sudo chmod 0600" in refused(
        host.machine.sync("service", "install", check=False), host
    )
    host.put(CREDENTIAL, "Token syn_1\n", mode=0o600)
    assert "holds no token" in refused(host.machine.sync("service", "install", check=False), host)


def test_a_venv_below_root_is_not_for_a_service(host: Host) -> None:
    host.machine.run("mkdir", "-p", f"{HOME}/venv")
    host.machine.run("chmod", "0700", HOME)
    host.machine.run("mount", "--bind", "/opt/synapse-sync", f"{HOME}/venv")
    result = host.machine.run(f"{HOME}/venv/bin/python", "-m", "synapse_sync", "service", "install", check=False)
    words = refused(result, host)
    assert f"the service can't run {HOME}/venv/bin/python: {HOME} is 0700 root:root" in words
    assert "-m venv /opt/synapse-sync" in words


def test_a_venv_among_temporary_files_is_not_seen_by_the_service(host: Host) -> None:
    host.machine.run("mkdir", "-p", "/tmp/venv")
    host.machine.run("mount", "--bind", "/opt/synapse-sync", "/tmp/venv")
    result = host.machine.run("/tmp/venv/bin/python", "-m", "synapse_sync", "service", "install", check=False)
    assert "below a folder for temporary files, of which the service has its own" in refused(result, host)


def test_a_share_that_only_root_may_read(host: Host) -> None:
    host.machine.run("chmod", "0700", SHARE)
    words = refused(host.machine.sync("service", "install", check=False), host)
    assert f"the service can't read {SHARE}: {SHARE} is 0700 root:root" in words
    line = words.partition("may read it: ")[2].splitlines()[0].replace("sudo ", "")
    host.machine.run("sh", "-c", line)
    assert "SupplementaryGroups=users" in host.machine.sync("service", "install", "--dry-run").stdout


def test_a_folder_on_the_way_need_only_be_entered(host: Host) -> None:
    host.machine.run("chmod", "0700", "/srv/nas")
    words = refused(host.machine.sync("service", "install", check=False), host)
    line = words.partition("may read it: ")[2].splitlines()[0]
    assert line == "sudo chgrp users /srv/nas && sudo chmod g+x /srv/nas"
    host.machine.run("sh", "-c", line.replace("sudo ", ""))
    assert "SupplementaryGroups=users" in host.machine.sync("service", "install", "--dry-run").stdout


def test_nobody_is_told_to_open_roots_home(host: Host) -> None:
    host.machine.run("chmod", "0700", HOME)
    host.configure(f"{HOME}/scans")
    words = refused(host.machine.sync("service", "install", check=False), host)
    assert f"{HOME} is 0700 root:root, and should stay so: move the folder" in words


def test_a_config_that_the_service_may_not_read(host: Host) -> None:
    host.path("/etc/synapse-sync/config.toml").chmod(0o600)
    words = refused(host.machine.sync("service", "install", check=False), host)
    assert "/etc/synapse-sync/config.toml is 0600 root:root; chmod a+r /etc/synapse-sync/config.toml" in words


def test_what_the_mode_bits_do_not_show_is_found_by_trying(host: Host) -> None:
    """A FUSE mount of one user looks readable to all, as does what hidepid hides from others in /proc."""
    host.machine.run("mount", "-t", "proc", "-o", "hidepid=2", "proc", SHARE)
    host.configure(path=f"{SHARE}/1/task")
    words = refused(host.machine.sync("service", "install", check=False), host)
    assert f"{SHARE}/1/task can't be used by the service" in words


def test_a_ledger_where_the_service_may_not_write(host: Host) -> None:
    host.configure(head='[ledger]\npath = "/srv/ledger.db"\n')
    assert "the service may only write in /var/lib/synapse-sync" in refused(
        host.machine.sync("service", "install", check=False), host
    )


def test_all_reasons_come_at_once(host: Host) -> None:
    host.path(CREDENTIAL).unlink()
    host.machine.run("chmod", "0700", SHARE)
    words = refused(host.machine.sync("service", "install", check=False), host)
    assert "for 2 reasons" in words
    assert "access token" in words
    assert "0700 root:root" in words


@pytest.mark.parametrize("path", [UNIT, f"{UNIT}.d/10-feeds.conf"])
def test_a_file_of_somebody_else_is_never_replaced_nor_removed(host: Host, path: str) -> None:
    host.put(path, "# mine\n[Service]\nExecStart=/bin/true\n")
    for command in ("install", "uninstall"):
        result = host.machine.sync("service", command, check=False)
        assert result.returncode == 4
        assert f"{path} was not written by synapse-sync" in result.stderr
        assert host.reads(path).startswith("# mine")


def test_who_is_not_root_gets_the_line(host: Host) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = ["/opt/synapse-sync/bin/python", "-m", "synapse_sync", "service", "install"]
    result = host.machine.run(*nobody, *command, check=False)
    assert result.returncode == 2
    assert f"sudo {' '.join(command)}" in result.stderr


def test_a_config_elsewhere(host: Host) -> None:
    host.put("/srv/mine.toml", host.reads("/etc/synapse-sync/config.toml"))
    words = refused(host.machine.sync("--config", "/srv/mine.toml", "service", "install", check=False), host)
    assert "install -D -m 0644 /srv/mine.toml /etc/synapse-sync/config.toml" in words
