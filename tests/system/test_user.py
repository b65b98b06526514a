"""`service install --user`: the service of one user, with that user's rights and nobody else's."""

from __future__ import annotations

import subprocess

from .host import Host, until
from .machine import PYTHON

MANAGER = """[Service]
Type=notify
User=alice
Delegate=yes
RuntimeDirectory=user/4321
Environment=XDG_RUNTIME_DIR=/run/user/4321
ExecStart=/lib/systemd/systemd --user
"""


def as_alice(host: Host, *command: str, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as she does, in a session of hers."""
    become = ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "env", "HOME=/home/alice"]
    return host.machine.run(*become, "XDG_RUNTIME_DIR=/run/user/4321", *command, text=text, check=check)


def test_a_service_of_ones_own(host: Host) -> None:
    host.machine.run("useradd", "--create-home", "--uid", "4321", "alice")
    host.machine.run("chmod", "0700", "/home/alice")
    host.put("/etc/systemd/system/alice.service", MANAGER)
    host.machine.run("systemctl", "daemon-reload")
    host.machine.run("systemctl", "start", "alice.service")
    share = "/home/alice/scans"
    host.configure(share, name="alice")
    config = host.reads("/etc/synapse-sync/alice.toml")
    host.put("/home/alice/.config/synapse-sync/config.toml", config)
    host.scan("p1", path=share)
    host.machine.run("chown", "-R", "alice:alice", "/home/alice")
    install = [PYTHON, "-m", "synapse_sync", "service", "install", "--user"]

    refused = as_alice(host, *install, check=False)
    assert (refused.returncode, "synapse-sync login" in refused.stderr) == (4, True)
    login = [PYTHON, "-m", "synapse_sync", "login", "--host", host.server.url, "--token-stdin"]
    as_alice(host, *login, text=host.server.options.token + "\n")
    said = as_alice(host, *install).stdout

    assert "written: /home/alice/.config/systemd/user/synapse-sync.service\n" in said
    assert "synapse-sync.service: active (running), enabled" in said
    assert "loginctl enable-linger" in said
    until(lambda: host.keys() == ["p1"], "what was there is registered", host.machine)
    mine = ["--config", "/home/alice/.config/synapse-sync/config.toml"]  # the machine has one, too, which comes first
    as_alice(host, PYTHON, "-m", "synapse_sync", *mine, "trigger")
    as_alice(host, PYTHON, "-m", "synapse_sync", "service", "uninstall", "--user")
    assert host.machine.sync("service", "install", "--user", check=False).returncode == 2  # root has none
