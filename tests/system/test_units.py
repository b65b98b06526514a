"""The systemd units are accepted by systemd without a word, and the service is as locked up as it is meant to be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
EXPOSURE = 14  # systemd-analyze's score x 10; an unhardened unit has 96


@pytest.fixture
def analyze() -> str:
    """systemd-analyze."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on this machine: the units in systemd/ are NOT checked")
    return found


@pytest.mark.parametrize("name", ["synapse-sync.service", "synapse-sync.timer"])
def test_systemd_finds_nothing_to_say_about_a_unit(analyze: str, tmp_path: Path, name: str) -> None:
    """Typos and bad values are warnings only, with exit code 0: nothing at all may be printed."""
    shutil.copytree(UNITS, tmp_path / "units")
    service = tmp_path / "units" / "synapse-sync.service"
    service.write_text(service.read_text().replace("/opt/synapse-sync/bin/synapse-sync", "/bin/true"))
    result = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "units" / name)], capture_output=True, text=True, check=False
    )
    said = [line for line in (result.stdout + result.stderr).splitlines() if str(tmp_path) in line or "synapse" in line]
    assert (result.returncode, said) == (0, [])


def test_the_service_is_locked_up(analyze: str) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", str(UNITS / "synapse-sync.service")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-300:]
