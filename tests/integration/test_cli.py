"""The command line as such: exit codes, what it loads, the ledger's own commands, `devserver` and `demo`."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from synapse_sync import __version__
from synapse_sync.cli.sample import write_share
from synapse_sync.ledger import integrity_problems

from .account import problems_of
from .conftest import DIRECTORY, PAIR, Installation, process, typed, until

HEAVY = {"requests", "urllib3", "sqlite_utils", "fastapi", "uvicorn", "rich", "jsonschema", "openpyxl", "apscheduler"}
LOADED = (
    "import sys\nfrom synapse_sync.__main__ import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
)


@pytest.mark.parametrize("command", [["--version"], ["--help"], ["once", "--help"]], ids=" ".join)
def test_asking_for_help_or_the_version_loads_nothing_heavy(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *command], capture_output=True, text=True, check=False)

    assert done.stdout
    assert HEAVY & set(done.stderr.split()) == set()


def test_the_version_is_the_packages() -> None:
    assert typed("--version") == (0, f"synapse-sync {__version__}\n", "")
    assert typed("--config", "nowhere.toml", "--version").stdout == f"synapse-sync {__version__}\n"


def test_help_names_every_command_and_every_command_explains_itself() -> None:
    top = typed("--help")
    assert top.exit_code == 0
    for command in ("once", "plan", "status", "files", "units", "runs", "retry", "login", "config", "ledger", "demo"):
        assert f" {command} " in top.stdout
        assert typed(command, "--help").exit_code == 0


@pytest.mark.parametrize("command", [["nonsense"], ["once", "--nonsense"], ["files", "--limit", "0"]], ids=" ".join)
def test_what_the_command_line_does_not_know_is_usage(command: list[str]) -> None:
    printed = typed(*command)

    assert printed.exit_code == 2
    assert printed.stdout == ""
    assert "Traceback" not in printed.stderr


def test_exit_codes_tell_whether_something_needs_a_person(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/image.png": "still forming", "p3/notes.xyz": "aside"})
    assert [site.type(command).exit_code for command in ("plan", "once", "status", "once")] == [0, 0, 0, 0]

    site.write({"p4/a.png": "a", "p4/b.png": "b", "p4/label.json": "l"})

    assert [site.type(command).exit_code for command in ("plan", "once", "status", "once")] == [1, 1, 1, 1]


def test_the_tables_show_what_the_json_has(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/a.png": "a", "p2/b.png": "b", "p2/label.json": "l"})

    once = site.type("once").stdout
    assert once.startswith("scans: 5 new, 2 read, 2 sent, 15 B sent, 1 registered\n")
    assert "5 files seen = 2 registered + 0 in progress + 3 aside" in once
    assert "2 files for image_1: p2/a.png and p2/b.png" in once
    for command in (["status"], ["units"], ["units", "show", "p2"], ["files", "show", "p2/a.png"]):
        assert "2 files for image_1: p2/a.png and p2/b.png" in site.type(*command).stdout
    assert "p1/image.png" in site.type("files", "--state", "checksummed").stdout
    assert "p1" not in site.type("units", "--state", "held").stdout
    assert site.type("units", "--state", "duplicate").stdout == "none\n"
    assert "1 registered" in site.type("runs").stdout


def test_lists_end_at_their_limit_and_take_one_feed(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write([f"p{number}/{name}" for number in range(3) for name in ("image.png", "label.json")])
    site.sync()

    assert len(site.run("files", "--json", "--limit", "4").json) == 4
    assert len(site.run("units", "--json", "--feed", "scans", "--limit", "2").json) == 2
    assert len(site.run("runs", "--json", "--limit", "1").json) == 1


def test_no_wait_leaves_new_files_to_settle(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "1h"'))
    site.write(PAIR)

    printed = site.type("once", "--no-wait")

    assert printed.exit_code == 0
    assert "2 files still settling; the next run takes them" in printed.stdout
    assert site.registered() == []


def test_a_backup_is_a_whole_ledger_for_its_owner_alone(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    copy = site.folder / "copy" / "ledger.db"
    copy.parent.mkdir()

    assert site.type("ledger", "backup", str(copy)).exit_code == 0

    assert copy.stat().st_mode & 0o777 == 0o600
    assert site.ledger.stat().st_mode & 0o777 == 0o600
    assert problems_of(copy) == []
    assert site.type("ledger", "backup", str(copy)).exit_code == 2, "nothing is overwritten"
    copy.replace(site.ledger)
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert site.received() == 0
    assert len(site.registered()) == 1


def test_ledger_check_tells_files_that_do_not_add_up(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.sync()
    assert site.type("ledger", "check").exit_code == 0
    connection = sqlite3.connect(site.ledger)
    connection.execute("UPDATE units SET state = 'nonsense'")
    connection.commit()

    printed = site.type("ledger", "check")

    assert printed.exit_code == 4
    assert "the files of feed scans do not add up" in printed.stderr
    connection.execute("UPDATE units SET state = 'registered'")
    connection.execute("DELETE FROM history WHERE became = 'nonsense' OR was = 'nonsense'")
    connection.commit()
    connection.close()
    assert integrity_problems(site.ledger) == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_registration_that_is_on_its_way_is_finished_when_once_is_stopped(
    site: Installation, stop: signal.Signals, when: str
) -> None:
    """On v1 an answer that nobody reads would leave its whole batch to a person."""
    site.configure(extra=DIRECTORY, head='api = "v1"')
    site.write(PAIR)
    site.server.fault("POST data_units/", "delay", seconds=2, when=when)
    once = site.process("once")
    until(lambda: site.requests("POST data_units/"), "it registers")
    once.send_signal(stop)
    _, stderr = once.communicate(timeout=60)

    assert once.returncode == 128 + stop
    assert "finishing what is on its way" in stderr
    assert "nothing is lost" in stderr
    assert site.states() == {"p1": "registered"}
    assert site.sync().exit_code == 0
    assert len(site.server.units(site.collection)) == 1


def test_a_second_interruption_ends_it_at_once_and_the_next_run_goes_on(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(PAIR)
    site.server.fault("POST data_files/verify_checksums/", "delay", seconds=600)
    once = site.process("once")
    until(lambda: site.requests("POST data_files/verify_checksums/"), "it asks the server")
    once.send_signal(signal.SIGINT)
    time.sleep(0.5)
    once.send_signal(signal.SIGINT)
    _, stderr = once.communicate(timeout=20)

    assert once.returncode == 130
    assert "Traceback" not in stderr
    site.server.clear_faults()
    assert site.sync().exit_code == 0
    assert len(site.registered()) == 1


def test_waiting_for_files_to_settle_ends_at_once_when_asked(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "1h"'))
    site.write(PAIR)
    once = site.process("once")
    until(lambda: site.ledger.exists() and site.run("files", "--json").json, "the files are listed")
    once.send_signal(signal.SIGTERM)
    once.communicate(timeout=20)
    assert once.returncode == 143


def get(url: str, token: str = "") -> tuple[int, bytes]:
    """Status and body of an answer."""
    request = urllib.request.Request(url, headers={"Synapse-Access-Token": f"Token {token}"} if token else {})
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.read()


def test_a_devserver_runs_until_it_is_asked_to_end(tmp_path: Path) -> None:
    command = ["devserver", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--token", "syn_t"]
    server = process(*command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert server.stdout is not None
    ready = server.stdout.readline()
    assert ready.startswith("listening on http://127.0.0.1:")
    url = ready.split()[2].rstrip(",")

    status, body = get(f"{url}/data_collections/", "syn_t")

    assert status == 200
    assert json.loads(body)["count"] == 0
    server.send_signal(signal.SIGTERM)
    stdout, stderr = server.communicate(timeout=30)
    assert (server.returncode, stdout, stderr) == (0, "", "")


def test_a_devserver_whose_port_is_taken_says_so(site: Installation) -> None:
    address = site.server.url.removeprefix("http://")

    printed = typed("devserver", "--listen", address, "--data", str(site.folder / "other"))

    assert printed.exit_code == 1
    assert f"error: the embedded backend can't listen at {address}" in printed.stderr
    assert typed("devserver", "--listen", "nonsense").exit_code == 2


def test_the_demo_sends_nothing_in_its_last_run_and_leaves_everything_to_be_looked_at(tmp_path: Path) -> None:
    home = tmp_path / "demo"

    printed = typed("demo", "--keep", str(home))

    assert printed.exit_code == 0, printed.stderr
    assert "the collection now has 27 data units" in printed.stdout
    last = printed.stdout.partition("6. the same run again")[2]
    assert "the server received 0 bytes of content and 0 new units" in last
    status = typed("--config", str(home / "config.toml"), "status", "--json")
    assert json.loads(status.stdout)["feeds"][0]["units"]["registered"] == 27
    assert problems_of(home / "ledger.db") == []
    assert typed("demo", "--keep", str(home)).exit_code == 2, "a folder in use is left alone"


def test_the_demo_takes_no_notice_of_what_is_set_for_the_real_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNAPSE_HOST", "https://api.synapse.example")
    monkeypatch.setenv("SYNAPSE_ACCESS_TOKEN", "syn_of_the_real_server")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    printed = typed("demo", "--keep", str(tmp_path / "demo"))

    assert printed.exit_code == 0, printed.stderr
    assert "the collection now has 27 data units" in printed.stdout


def test_the_demo_only_reads_a_folder_of_ones_own(tmp_path: Path) -> None:
    share = tmp_path / "own"
    write_share(share, 3)
    before = {path: (path.read_bytes(), path.stat()) for path in share.rglob("*") if path.is_file()}
    time.sleep(0.01)

    printed = typed("demo", "--keep", str(tmp_path / "demo"), "--folder", str(share))

    assert printed.exit_code == 0, printed.stderr
    assert "the server received 0 bytes of content and 0 new units" in printed.stdout
    after = {path: path for path in share.rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    for path, (content, stat) in before.items():
        assert path.read_bytes() == content
        assert (path.stat().st_mtime_ns, path.stat().st_ctime_ns) == (stat.st_mtime_ns, stat.st_ctime_ns)


def test_the_demo_never_writes_into_the_folder_that_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "own"
    write_share(share, 3)
    monkeypatch.chdir(share)
    before = sorted(share.rglob("*"))

    printed = typed("demo", "--folder", ".")
    assert printed.exit_code == 0, printed.stderr
    assert sorted(share.rglob("*")) == before

    refused = typed("demo", "--folder", ".", "--keep", "here")
    assert refused.exit_code == 2
    assert "lies inside" in refused.stderr
    assert sorted(share.rglob("*")) == before


def test_the_demo_says_when_it_knows_no_file_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.xyz").write_text("notes")

    printed = typed("demo", "--keep", str(tmp_path / "demo"), "--folder", str(tmp_path / "own"))

    assert printed.exit_code == 2
    assert "has no files that the demo knows" in printed.stderr
