"""Lines that a person copies start the program that they started, with the config that they named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from synapse_sync.config import command_for, program


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The program, in a folder that is not on the PATH."""
    file = tmp_path / "a venv/bin/synapse-sync"
    file.parent.mkdir(parents=True)
    file.touch(mode=0o755)
    return file


def test_what_is_on_the_path_needs_no_folder(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    monkeypatch.setattr(sys, "argv", [str(installed)])

    assert program() == "synapse-sync"
    assert program(other_user=True) == f"'{installed}'", "another user may have another PATH"


def test_what_is_not_on_the_path_is_named_in_full(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [os.path.relpath(installed)])

    assert program() == f"'{installed}'"


def test_a_module_that_was_run_has_the_usual_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/synapse_sync/__main__.py"])

    assert program() == "synapse-sync"


def test_a_config_is_named_where_it_would_not_be_found(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    usual = tmp_path / ".config/synapse-sync/config.toml"

    assert command_for(usual, environ) == f"synapse-sync --config {usual}", "there is none yet"
    usual.parent.mkdir(parents=True)
    usual.touch()
    if not Path("/etc/synapse-sync/config.toml").exists():
        assert command_for(usual, environ) == "synapse-sync"
    assert command_for(tmp_path / "other.toml", environ) == f"synapse-sync --config {tmp_path}/other.toml"
