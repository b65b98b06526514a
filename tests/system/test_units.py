"""The systemd units are accepted by systemd without a word, and the service is as locked up as it is meant to be."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from synapse_sync.installation.place import Place, shipped
from synapse_sync.installation.texts import drop_in_text, quoted, unit_text

UNITS = Path(__file__).parents[2] / "systemd"
EXPOSURE = 14  # systemd-analyze's score x 10; an unhardened unit has 96
PLACES = [Place(), Place(instance="lab"), Place(user=True), Place(user=True, instance="lab")]


@pytest.fixture
def analyze() -> str:
    """systemd-analyze."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("NOT TESTED: the units in systemd/, as systemd-analyze is not on this machine")
    return found


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{'user' if place.user else 'system'} {place.unit}")
def test_systemd_finds_nothing_to_say_about_a_unit(analyze: str, tmp_path: Path, place: Place) -> None:
    """Typos and bad values are warnings only, with exit code 0: nothing at all may be printed."""
    program = tmp_path / "a python"
    program.symlink_to("/bin/true")
    text = unit_text(shipped(place), unit=place.unit, interpreter=str(program), config=Path("/srv/100 % mine.toml"))
    unit = tmp_path / "units" / place.unit
    unit.parent.mkdir()
    unit.write_text(text)
    (unit.parent / f"{place.unit}.d").mkdir()
    extra = drop_in_text(mounts=["/srv/50 % of it", "/srv/a$b\\c"], groups=["users"])
    (unit.parent / f"{place.unit}.d/10-feeds.conf").write_text(extra)
    scope = ["--user"] if place.user else []
    result = subprocess.run(
        [analyze, "verify", "--man=no", *scope, str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    said = [line for line in (result.stdout + result.stderr).splitlines() if str(tmp_path) in line or "synapse" in line]
    assert (result.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", sorted((UNITS / "system").iterdir()), ids=lambda path: path.name)
def test_the_service_is_locked_up(analyze: str, unit: Path) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-300:]


@pytest.mark.parametrize("scope", ["system", "user"])
def test_a_template_is_the_unit_but_for_its_names(scope: str) -> None:
    """What is changed in one is changed in the other."""

    def lines(name: str) -> list[str]:
        text = (UNITS / scope / name).read_text().replace("-%i", "").replace(" (%i)", "").replace("%i", "config")
        return [line for line in text.splitlines() if not line.startswith("#")]

    assert lines("synapse-sync@.service") == lines("synapse-sync.service")


def test_the_wheel_has_the_units() -> None:
    pyproject = (UNITS.parent / "pyproject.toml").read_text()
    assert 'systemd = "synapse_sync/installation/systemd"' in pyproject


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/srv/nas", "/srv/nas"),
        ("/srv/my scans", '"/srv/my scans"'),
        ("/srv/100%", "/srv/100%%"),
        ('/srv/a"b\\c', '"/srv/a\\"b\\\\c"'),
    ],
)
def test_a_path_is_one_word_of_a_unit(path: str, word: str) -> None:
    assert quoted(path) == word
