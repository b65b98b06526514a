"""From nothing to a service that syncs by what `init` asks and prints; and what `doctor` says of it on the way."""

from __future__ import annotations

import json
from typing import Any

from .host import CREDENTIAL, SHARE, Host, until
from .machine import PYTHON

CONFIG = "/etc/synapse-sync/config.toml"


def looked(host: Host) -> dict[tuple[str, str], dict[str, Any]]:
    """What doctor says, by area and name; the last of each."""
    printed = host.machine.sync("doctor", "--json", check=False).stdout
    return {(finding["area"], finding["name"]): finding for finding in json.loads(printed)["findings"]}


def test_from_nothing_to_a_service_that_syncs(host: Host) -> None:
    host.path(CONFIG).unlink()
    host.path(CREDENTIAL).unlink()
    host.scan("p1")
    host.scan("p2")
    told = host.machine.run(
        PYTHON, "-m", "synapse_sync", "init", "--url", host.server.url,
        "--collection", str(host.collection), "--path", SHARE, "--settle", "0",
        # the token, the service's too, the name, the layout, no project, write it
        text=f"{host.server.options.token}\ny\n\n\nnone\n\n",
    ).stdout  # fmt: skip
    assert f"Written: {CONFIG}" in told
    assert host.path(CREDENTIAL).stat().st_mode & 0o777 == 0o600
    assert looked(host)["service", "unit"]["remedy"].endswith("service install")

    [install] = [line for line in told.splitlines() if "service install" in line]
    assert install.strip().startswith("sudo ")
    host.machine.sync("service", "install")

    until(lambda: host.keys() == ["p1", "p2"], "what was there is registered", host.machine)
    found = looked(host)
    assert "active (running), enabled" in found["service", "unit"]["words"]
    assert (found["service", "access"]["level"], found["service", "daemon"]["level"]) == ("ok", "ok")
    assert found["ledger", "lock"]["words"] == f"process {host.machine.show('MainPID')} works with it now"
    assert not [finding for finding in found.values() if finding["level"] == "problem"]


def test_what_stands_in_the_way_of_the_service_is_told_beside_it(host: Host) -> None:
    host.machine.sync("service", "install")
    host.machine.run("chmod", "0700", SHARE)

    found = looked(host)

    assert found["service", "access"]["level"] == "problem"
    assert SHARE in found["service", "access"]["words"]
    host.machine.run("sh", "-c", found["service", "access"]["remedy"].replace("sudo ", ""))
    host.machine.sync("service", "install")
    assert looked(host)["service", "access"]["level"] == "ok"


def test_a_service_that_was_stopped(host: Host) -> None:
    host.machine.sync("service", "install")
    host.machine.run("systemctl", "stop", "synapse-sync")

    found = looked(host)

    assert found["service", "unit"]["level"] == "problem"
    line = found["service", "unit"]["remedy"].partition("   #")[0]
    host.machine.run("sh", "-c", line)
    assert looked(host)["service", "unit"]["level"] == "ok"
