"""Small contents go by a process of their own where they are many: in the end all is there, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from multiprocessing import active_children
from pathlib import Path

import pytest

from synapse_sync.steps import sender
from synapse_sync.steps.sender import Sender

from .conftest import IMAGE, LONGEST, Installation, until

FILES = 60
CHILD = """
import sys
from synapse_sync.steps import sender
from synapse_sync.__main__ import main
class Told(sender.Sender):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        print(self._process.pid, flush=True)
if __name__ == "__main__":
    sender.MANY, sender.Sender = 1, Told
    main()
"""


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Few are many; whether each process served to its end."""
    noted: list[bool] = []
    serve = Sender.serve

    def noting(self: Sender, *arguments: object) -> bool:
        noted.append(serve(self, *arguments))  # type: ignore[arg-type]
        return noted[-1]

    monkeypatch.setattr(sender, "MANY", 1)
    monkeypatch.setattr(Sender, "serve", noting)
    return noted


@pytest.fixture(params=["auto", "direct"])
def many(site: Installation, request: pytest.FixtureRequest) -> Installation:
    """An installation with many small files."""
    return with_files(site, request.param)


def with_files(site: Installation, route: str) -> Installation:
    """The same with files and a config."""
    site.configure(specs=[IMAGE], head=f'[upload]\nroute = "{route}"')
    site.write({f"{number}.png": f"image {number}" for number in range(FILES)})
    return site


def requests(site: Installation, route: str) -> int:
    """How many of this kind the server has had."""
    return int(site.server.stats()["requests"].get(route, 0))


def alive(process: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def started(site: Installation) -> tuple[subprocess.Popen[str], int]:
    """`once` as a process of its own, and the process that sends for it."""
    script = site.folder / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, str(script), "--config", site.config, "once", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, process.communicate()
    return process, int(said)


def sent(site: Installation) -> str:
    """The request that carries a small content."""
    return "POST data_files/" if "direct" in Path(site.config).read_text() else "PUT object/"


def test_all_is_registered_once(many: Installation, served: list[bool]) -> None:
    outcome = many.sync()

    assert outcome.exit_code == 0
    assert served == [True]
    assert outcome.counts["sent_files"] == outcome.counts["registered"] == FILES
    assert set(many.units()) == {str(number) for number in range(FILES)}


def test_what_the_server_refuses_or_loses_is_told_as_by_a_thread(many: Installation) -> None:
    many.server.fault(sent(many), "status", code=503, times=3)

    outcome = many.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["failed_uploads"] == 3
    assert len(many.units()) == FILES


def test_a_token_that_was_replaced_reaches_the_next_process(lonely_site: Installation, served: list[bool]) -> None:
    site = with_files(lonely_site, "auto")
    site.server.fault("PUT object/", "delay", seconds=0.2, times=None)

    def replace() -> None:
        until(lambda: requests(site, "PUT object/"), "something that is sent")
        site.server.rotate_token("another")
        (site.folder / "token").write_text("another")

    replacing = threading.Thread(target=replace)
    replacing.start()
    outcome = site.sync()
    replacing.join()

    assert outcome.exit_code == 0
    assert set(site.units()) == {str(number) for number in range(FILES)}


def test_with_a_limit_of_bandwidth_a_thread_sends(many: Installation, served: list[bool]) -> None:
    config = Path(many.config)
    config.write_text(config.read_text().replace("[upload]", '[upload]\nbandwidth_limit = "100MB/s"'))

    assert many.sync().exit_code == 0

    assert served == []
    assert len(many.units()) == FILES


def test_a_process_that_is_killed_is_replaced_by_a_thread(many: Installation, served: list[bool]) -> None:
    many.server.fault(sent(many), "delay", seconds=0.2, times=None)

    def kill() -> None:
        until(lambda: requests(many, sent(many)), "something that is sent")
        (process,) = [child for child in active_children() if child.name == "sender"]
        process.kill()

    killing = threading.Thread(target=kill)
    killing.start()
    outcome = many.sync()
    killing.join()

    assert outcome.exit_code == 0
    assert served[0] is False
    assert len(many.units()) == FILES


def test_it_dies_with_its_parent_and_the_next_run_goes_on(many: Installation) -> None:
    many.server.fault(sent(many), "hang", times=None)
    victim, child = started(many)
    until(lambda: requests(many, sent(many)), "something that is sent")
    victim.kill()
    victim.communicate(timeout=LONGEST)

    until(lambda: not alive(child), "the end of the process that sends")
    many.server.clear_faults()
    assert many.sync().exit_code == 0
    assert len(many.units()) == FILES


def test_it_has_no_ledger_and_leaves_signals_to_its_parent(many: Installation) -> None:
    many.server.fault(sent(many), "delay", seconds=1.0, times=None)
    running, child = started(many)
    command = Path(f"/proc/{child}/cmdline").read_bytes().decode()
    until(lambda: _ready(child), "its start")
    opened = [os.readlink(link) for link in Path(f"/proc/{child}/fd").iterdir() if link.exists()]
    until(lambda: requests(many, sent(many)), "something that is sent")
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(child, number)
    os.kill(running.pid, signal.SIGINT)
    stdout, stderr = running.communicate(timeout=LONGEST)

    assert many.server.options.token not in command
    assert not [name for name in opened if "ledger.db" in name]
    assert "Traceback" not in stdout + stderr
    assert running.returncode == 128 + signal.SIGINT
    assert not alive(child)
    many.server.clear_faults()
    assert many.sync().exit_code == 0
    assert len(many.units()) == FILES


def _ready(process: int) -> bool:
    """Whether it has begun to ignore what its parent is to hear."""
    ignored = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line[:7] == "SigIgn:")
    return bool(int(ignored.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
