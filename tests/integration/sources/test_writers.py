"""Which files other programs write to, as /proc tells, and what this process may not see of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.sources.facts import observation
from synapse_sync.sources.writers import FIRST_NAMESPACE, program, writers

HOLD = "import os, sys; fd = os.open(sys.argv[1], eval(sys.argv[2])); print('open', flush=True); sys.stdin.read()"
LOOK = "from synapse_sync.sources.writers import unseen; print(unseen())"
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


@pytest.fixture
def holder(root: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, int]]:
    """A file, and a process that has it open as the parameter says."""
    path = root / "image.png"
    path.write_bytes(b"content")
    command = [sys.executable, "-c", HOLD, path, request.param]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield path, process.pid
    process.communicate()


def identity(path: Path) -> tuple[int, int | str]:
    found = path.stat()
    return found.st_dev, observation(found).token


@pytest.mark.parametrize("holder", ["os.O_WRONLY", "os.O_RDWR", "os.O_WRONLY | os.O_APPEND"], indirect=True)
def test_a_file_that_is_open_for_writing_is_found_with_its_process(holder: tuple[Path, int]) -> None:
    path, process = holder

    assert writers()[identity(path)] == process

    assert program(process).endswith(f"(process {process})")
    path.rename(path.with_name("other name.png"))
    assert writers()[identity(path.with_name("other name.png"))] == process


@pytest.mark.parametrize("holder", ["os.O_RDONLY"], indirect=True)
def test_a_file_that_is_open_for_reading_is_not(holder: tuple[Path, int]) -> None:
    assert identity(holder[0]) not in writers()


def test_our_own_descriptors_do_not_count_nor_do_closed_ones(root: Path) -> None:
    with (root / "a").open("wb"):
        assert identity(root / "a") not in writers()
    subprocess.run(["cp", root / "a", root / "b"], check=True)
    assert identity(root / "b") not in writers()


def test_a_process_that_has_ended_has_no_name(root: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert program(ended.pid) == f"process {ended.pid}"


def said(*inside: str) -> str:
    """What a process says that is started like this."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*inside, sys.executable, "-c", LOOK], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def privileged() -> None:
    """For what only root can take away from a process."""
    if os.geteuid() != 0 or os.stat("/proc/self/ns/pid").st_ino != FIRST_NAMESPACE:
        pytest.skip("NOT TESTED: this needs root outside of containers, to start processes that see less")


def test_who_may_not_look_into_other_processes_says_so(privileged: None) -> None:
    assert "may not look into" in said(*NOBODY)
    assert "may not look into" in said("setpriv", "--bounding-set", "-sys_ptrace")


def test_who_runs_in_a_container_says_so(privileged: None) -> None:
    assert said("unshare", "--pid", "--fork", "--mount-proc").startswith("it runs in a container")


def test_from_whom_processes_are_hidden_says_so(privileged: None) -> None:
    hidden = 'mount -t proc -o hidepid=2 proc /proc && exec "$0" "$@"'
    assert "are hidden from it" in said("unshare", "--mount", "sh", "-c", hidden, *NOBODY)


def test_a_system_without_proc_says_so_and_shows_no_writers(privileged: None) -> None:
    none = 'mount -t tmpfs none /proc && exec "$0" "$@"'
    assert said("unshare", "--mount", "sh", "-c", none) == "this system has no /proc"
