"""A machine with its own systemd, and the words for why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.devserver import DevServer, Options

from .host import Host
from .machine import Machine, cannot

# A minute of booting machines is not for the README's command: .ci/run has a step for it.
collect_ignore = (
    []
    if os.environ.get("SYNAPSE_SYNC_SYSTEM") == "boot"
    else ["test_doctor.py", "test_life.py", "test_refusals.py", "test_user.py"]
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine on which nothing is installed yet but the package."""
    why = cannot()
    if why:
        pytest.skip(f"NOT TESTED under a real systemd: {why}")
    with Machine(tmp_path) as machine:
        yield machine


@pytest.fixture
def host(machine: Machine, tmp_path: Path) -> Iterator[Host]:
    """A machine with a config, a token, a share that all may read, and an embedded backend within reach."""
    with DevServer(Options(data=tmp_path / "backend")) as server:
        host = Host(machine, server)
        host.configure()
        yield host
