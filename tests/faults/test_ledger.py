"""A ledger that can't be written, or is no longer what was written: the run ends in words, and nothing is made twice.

(A small disk, a lock, other versions and files that are no ledger: tests/integration/test_trouble.py.)
"""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from synapse_sync.ledger import store
from tests.integration.conftest import Printed
from tests.integration.test_content import WITHOUT_PRIVILEGE

from .chosen import ALL, SEED
from .oracle import come_to_rest, details, judge
from .workload import Site

ROOT = Path(__file__).parents[2]
SPOILT = 60 if ALL else 4
LIMITS = range(0, 400, 20) if ALL else (8, 120, 260)  # KiB


@pytest.fixture
def site(site_of: Callable[..., Site]) -> Site:
    """On v1, where nothing but the ledger keeps units from being made twice."""
    one = site_of("v1-whole")
    one.set_up()
    return one


def in_words(printed: Printed) -> None:
    """An error of the ledger, with what to do."""
    assert printed.exit_code == 4, printed
    assert printed.stderr.startswith("error: "), printed
    assert "→" in printed.stderr


def child(site: Site, limit: int) -> Printed:
    """`once` by a process that can't make a file longer than so many KiB: sooner or later the ledger is full."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit << 10, limit << 10))

    command = [sys.executable, "-m", "tests.faults.child", "--config", site.config, "once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    return Printed(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("limit", LIMITS)
def test_no_room_for_the_ledger(site: Site, limit: int) -> None:
    printed = child(site, limit)

    if printed.exit_code != 0:
        in_words(printed)
    come_to_rest(site) if site.ledger.exists() else site.sync()
    judge(site)


def test_a_folder_and_a_ledger_that_may_only_be_read(site: Site) -> None:
    lose_an_answer(site)
    home = site.folder / "home"
    home.mkdir()
    for path in site.folder.glob("ledger.db*"):
        path.rename(home / path.name)
        (home / path.name).chmod(0o444)
    config = Path(site.config)
    config.write_text(config.read_text().replace('"ledger.db"', '"home/ledger.db"'))
    home.chmod(0o555)
    run = "from synapse_sync.__main__ import main; main()"

    command = [sys.executable, "-c", WITHOUT_PRIVILEGE, run, "--config", site.config, "once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    in_words(Printed(done.returncode, done.stdout, done.stderr))
    home.chmod(0o755)
    for path in home.glob("ledger.db*"):
        path.chmod(0o600)
        path.rename(site.folder / path.name)
    config.write_text(config.read_text().replace('"home/ledger.db"', '"ledger.db"'))
    come_to_rest(site)
    judge(site)


def test_another_program_that_keeps_the_ledger_to_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_an_answer(site)
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(site.ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        in_words(site.type("once"))

    come_to_rest(site)
    judge(site)


@pytest.mark.parametrize("size", [0, 1, 100, 512, 4096, 8192, 20_000])
def test_a_ledger_that_was_cut(site: Site, size: int) -> None:
    lose_an_answer(site)
    with put_back(site):
        with site.ledger.open("r+b") as file:
            file.truncate(size)
        in_words(site.type("once"))
        assert site.ledger.stat().st_size == size, "it is left as it is"

    come_to_rest(site)
    judge(site)


@pytest.mark.parametrize("number", range(SPOILT))
def test_a_ledger_of_which_bytes_are_others(site: Site, number: int) -> None:
    """SQLite finds what is wrong with the file's structure; a letter of a value may go unnoticed, but is not fatal."""
    lose_an_answer(site)
    dice = random.Random(f"{SEED} {number}")
    with put_back(site):
        spoilt = bytearray(site.ledger.read_bytes())
        for _ in range(dice.choice([1, 10, 1000])):
            spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
        site.ledger.write_bytes(spoilt)
        with suppress(
            TypeError, ValueError, LookupError, AttributeError
        ):  # a value that is none: main() says so, and ends with 4
            assert site.run("once").exit_code in (0, 1, 4)
        assert nothing_twice(site)

    come_to_rest(site)
    judge(site)


def lose_an_answer(site: Site) -> None:
    """A run that does not know what became of its registration; the server has made the units."""
    site.server.fault(site.way.register, "drop_after")
    site.server.fault("GET data_units/", "status", code=503, times=None, after=1)
    site.sync()
    site.server.clear_faults()
    assert "registering" in site.states().values()


@contextmanager
def put_back(site: Site) -> Iterator[None]:
    """The ledger as it was comes back afterwards, from a copy."""
    kept = site.folder / "kept"
    with closing(sqlite3.connect(site.ledger)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(site.ledger, kept)
    try:
        yield
    finally:
        for path in site.folder.glob("ledger.db*"):
            path.unlink()
        shutil.copyfile(kept, site.ledger)


def nothing_twice(site: Site) -> bool:
    """No two units of the server are made of the same files."""
    units = [
        frozenset(file["path"] for file in unit["files"].values()) for unit in details(site.server.events(), "unit")
    ]
    return len(units) == len(set(units))
