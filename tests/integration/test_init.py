"""The wizard on a real terminal, and with its answers on standard input: what it asks, takes and writes."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from synapse_sync.config import load
from synapse_sync.devserver import DevServer, Options

from .conftest import DICOM, IMAGE, LABEL, Printed, typed

HANGS = 90.0  # seconds after which a program at a terminal has hung; it starts anew for each test, on a busy machine


class Person:
    """Somebody at a terminal: reads what the program writes, and types."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, theirs = pty.openpty()
        command = [sys.executable, "-m", "synapse_sync", *arguments]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, close_fds=True,
            env={**os.environ, "TERM": "dumb"}, preexec_fn=_control,
        )  # fmt: skip
        os.close(theirs)
        self.screen = ""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def sees(self, words: str) -> None:
        """Wait until this has been written, after what was seen before."""
        deadline = time.monotonic() + HANGS
        while words not in self.screen[self._read :]:
            ready, _, _ = select.select([self._terminal], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"never written: {words}; but:\n{self.screen}"
            try:
                self.screen += os.read(self._terminal, 65536).decode(errors="replace").replace("\r\n", "\n")
            except OSError:
                assert words in self.screen[self._read :], f"never written: {words}; but:\n{self.screen}"
        self._read = self.screen.index(words, self._read) + len(words)

    def types(self, text: str) -> None:
        """Type an answer."""
        os.write(self._terminal, text.encode())

    def answers(self, *pairs: tuple[str, str]) -> None:
        """(what is asked, what is typed), one after the other."""
        for question, answer in pairs:
            self.sees(question)
            self.types(f"{answer}\n")

    def insists(self, key: str) -> int:
        """Press a key again each second until the end; the exit code.

        CPython's input() misses a signal that comes right before it begins to read: so would a person press again.
        """
        deadline = time.monotonic() + HANGS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on:\n{self.screen}"
            self.types(key)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)
        return self.ends()

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        while True:
            try:
                if not (more := os.read(self._terminal, 65536)):
                    break
            except OSError:
                break
            self.screen += more.decode(errors="replace")
        return self.process.wait(HANGS)


def _control() -> None:
    """The terminal is that of the new process: Ctrl-C and hidden input work as they do for a person.

    A shell has its jobs in the background ignore Ctrl-C, and so would all that they start.
    """
    import fcntl
    import signal
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Place:
    """A server with two collections and a project, and a folder for files and the config."""

    def __init__(self, folder: Path, server: DevServer) -> None:
        self.folder, self.server = folder, server
        self.share, self.config = folder / "scans", folder / "config.toml"
        self.share.mkdir()
        self.pairs = server.create_collection("Pairs", specs=[IMAGE, LABEL])
        self.series = server.create_collection("Series", specs=[IMAGE, LABEL, DICOM])
        self.project = server.create_project("labelling", collection=self.pairs)

    def write(self, *names: str) -> None:
        for name in names:
            path = self.share / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"content of {name}")

    def init(self, *arguments: str, answers: tuple[str, ...] = ()) -> Printed:
        """The wizard with these answers on standard input."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))
            return typed("--config", str(self.config), "init", *arguments)

    def given(self, **changed: str) -> list[str]:
        """Options that answer everything that has no default."""
        token = self.folder / "token"
        token.write_text(self.server.options.token)
        token.chmod(0o600)
        options = {
            "url": self.server.url, "token-file": str(token), "collection": str(self.pairs), "path": str(self.share),
        } | changed  # fmt: skip
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def run(self, *arguments: str) -> Printed:
        """A command with the config that was written."""
        return typed("--config", str(self.config), *arguments)

    def keys(self, collection: int) -> list[str]:
        """The units of a collection, by their keys."""
        return sorted(unit["meta"]["data_unit_key"] for unit in self.server.units(collection))


@pytest.fixture
def place(tmp_path: Path, server: DevServer) -> Place:
    return Place(tmp_path, server)


def test_a_person_who_answers_wrong_first_ends_with_a_sync_that_runs(place: Place) -> None:
    place.write("images/scan_1.png", "labels/scan_1.json", "images/scan_2.png", "labels/scan_2.json")
    token = place.server.options.token
    with Person("--config", str(place.config), "init") as person:
        person.answers(("Address of the Synapse server", "nonsense"))
        person.sees('"nonsense" is not a URL')
        person.answers(("Address of the Synapse server", "http://127.0.0.1:9"))
        person.sees("no connection")
        person.answers(
            ("Address of the Synapse server", place.server.url),
            ("Access token (not shown): ", "syn_wrong"),
        )
        person.sees("401")
        person.answers(("Access token (not shown): ", token))
        person.sees("connected to")
        person.sees("the token is stored in")
        person.sees("image_1 (.png .jpg), label_1 (.json)")
        person.answers(("Data collection", "999"))
        person.sees("404")
        person.answers(("Data collection", "pair"))
        person.sees("now its number")
        person.answers(("Data collection", str(place.pairs)), ("Folder", f"{place.folder}/scan"))
        person.sees(f"did you mean {place.share}?")
        person.answers(("Folder", f"  {place.share}\t"))
        person.sees("4 files in 3 folders: 2 .json, 2 .png")
        person.answers(("Name of this feed [scans]", "a:b"))
        person.sees("must not contain")
        person.answers(("Name of this feed [scans]", ""))
        person.sees("Grouping by stem: 4 of 4 files in 2 complete units.")
        person.answers(("How the files group [1]", "9"))
        person.sees("is no layout")
        person.answers(("How the files group [1]", ""), ("must not have changed [30s]", "soon"))
        person.sees("is not a duration")
        person.answers(("must not have changed [30s]", "0"), ("Project that gets a task", "77"))
        person.sees("404")
        person.answers(("Project that gets a task", str(place.project)))
        person.sees("would register")
        person.answers(("What now [1]", ""))
        assert person.ends() == 0
        assert token not in person.screen, "what is typed hidden is not shown"
        assert "Traceback" not in person.screen
        assert f"synapse-sync --config {place.config} once" in person.screen
    text = place.config.read_text()
    assert token not in text
    assert place.config.stat().st_mode & 0o777 == 0o644
    login = Path(os.environ["HOME"]) / ".synapse/config.json"
    assert json.loads(login.read_text())["access_token"] == token

    assert place.run("once").exit_code == 0

    assert place.keys(place.pairs) == ["scan_1", "scan_2"]
    assert len(place.server.tasks(place.project)) == 2


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_end_it_in_words_and_nothing_is_written(place: Place, key: str) -> None:
    with Person("--config", str(place.config), "init", "--url", place.server.url) as person:
        person.answers(("Access token (not shown): ", place.server.options.token))
        person.sees("Data collection (number)")
        assert person.insists(key) == 130
        assert re.search(r"Ended; no config was written. The token is stored in \S+config.json\.", person.screen)
        assert "Traceback" not in person.screen
    assert not place.config.exists()


def test_everything_as_options(place: Place) -> None:
    place.write("p1/a.png", "p1/b.json", "p2/a.png", "p2/b.json")

    done = place.init(*place.given(settle="0", project=str(place.project), name="ward"), "--yes")

    assert done.exit_code == 0, done.stdout + done.stderr
    config = load(place.config)
    [feed] = config.feeds
    assert (feed.name, feed.grouping.by, feed.grouping.depth, feed.project) == ("ward", "directory", 1, place.project)
    assert place.run("once").exit_code == 0
    assert place.keys(place.pairs) == ["p1", "p2"]


@pytest.mark.parametrize("missing", ["url", "token-file", "collection", "path"])
def test_with_yes_what_has_no_default_is_named(place: Place, missing: str) -> None:
    options = place.given()
    at = options.index(f"--{missing}")
    del options[at : at + 2]

    done = place.init(*options, "--yes")

    assert done.exit_code in (2, 3), "3: the usual address does not answer here"
    assert (f"--{missing}" in done.stderr) or missing in ("url", "token-file")
    assert not place.config.exists()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("url", "ftp://x", "is not an http or https URL"), ("url", "http://127.0.0.1:9", "no connection"),
        ("collection", "99", "404"), ("collection", "x", "no collection has"), ("path", "/nowhere", "is not there"),
        ("name", "a/b", "must not contain"), ("by", "magic", "is no layout"), ("settle", "30", "is not a duration"),
        ("project", "99", "404"), ("table", "none.csv", "there is no file"),
        ("token-file", "/nowhere", "can't be read"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_told_and_nothing_is_written(place: Place, option: str, value: str, words: str) -> None:
    place.write("a.png", "a.json")

    done = place.init(*place.given(**{option: value}), "--yes")

    assert done.exit_code == 2
    assert words in done.stderr
    assert not place.config.exists()


def test_without_a_terminal_the_options_are_named(place: Place) -> None:
    done = place.init()

    assert done.exit_code == 2
    assert "there is no terminal" in done.stderr
    assert "give --url" in done.stderr

    done = place.init(*place.given(), answers=("scans",))

    assert "give --by" in done.stderr or "give --settle" in done.stderr
    assert not place.config.exists()


def test_a_table_and_sidecars_that_are_there_are_offered(place: Place) -> None:
    place.write("p1/a.png", "p1/b.json", "p1/a.meta.json", "p2/a.png", "p2/b.json")
    (place.share / "meta.csv").write_text("id,age\np1,45\np2,46\n")
    (place.share / "p1/a.meta.json").write_text('{"ward": "7"}')

    # name, table, missing row, sidecars, layout, settle, project, what now
    done = place.init(*place.given(), answers=("", "", "2", "y", "", "0", "", ""))

    assert done.exit_code == 0, done.stdout + done.stderr
    [feed] = load(place.config).feeds
    assert (feed.metadata.table, feed.metadata.missing_row, feed.metadata.sidecar) == ("meta.csv", "register", True)
    assert "age = 45 (meta.csv" in done.stdout
    assert place.run("once").exit_code == 0
    meta = {unit["meta"]["data_unit_key"]: unit["meta"] for unit in place.server.units(place.pairs)}
    assert (meta["p1"]["age"], meta["p1"]["ward"], meta["p2"]["age"]) == ("45", "7", "46")


def test_a_table_that_is_not_wanted_is_left_out(place: Place) -> None:
    place.write("p1/a.png", "p1/b.json")
    (place.share / "meta.csv").write_text("id,age\np1,45\n")

    done = place.init(*place.given(table="none", settle="0"), "--yes")

    assert done.exit_code == 0, done.stdout + done.stderr
    assert place.run("once").exit_code == 0
    assert "age" not in place.server.units(place.pairs)[0]["meta"]


def test_what_is_shown_can_be_changed_before_it_is_written(place: Place) -> None:
    place.write("p1/a.png", "p1/a.json", "p2/b.png", "p2/b.json")

    # name, layout, settle, project; then another layout, then write
    done = place.init(*place.given(), answers=("", "stem", "", "", "layout", "directory", "write"))

    assert done.exit_code == 0, done.stdout + done.stderr
    assert load(place.config).feeds[0].grouping.by == "directory"


def test_it_may_be_ended_when_the_plan_has_been_seen(place: Place) -> None:
    place.write("p1/a.png", "p1/a.json")

    assert place.init(*place.given(), answers=("", "", "", "", "5")).exit_code == 130
    assert not place.config.exists()


def test_an_empty_folder_leaves_the_layout_open(place: Place) -> None:
    done = place.init(*place.given(settle="0"), "--yes")

    assert done.exit_code == 0, done.stdout + done.stderr
    assert "The folder is empty" in done.stdout
    assert load(place.config).feeds[0].grouping.by == "auto"
    place.write("p1/a.png", "p1/b.json", "p2/a.png", "p2/b.json")
    assert place.run("once").exit_code == 0
    assert place.keys(place.pairs) == ["p1", "p2"]


def test_files_that_do_not_decide_it_are_for_a_person(place: Place) -> None:
    place.write("a/1.png", "b/2.png", "c.txt")

    done = place.init(*place.given(), "--yes")

    assert (done.exit_code, "--by" in done.stderr) == (2, True)


def mine(place: Place) -> bytes:
    """A config of a person's own, as an editor on Windows leaves it, without a line end at its end."""
    token = place.folder / "token"
    token.write_text(place.server.options.token)
    token.chmod(0o600)
    text = (
        f'# mine: 건드리지 마세요\n[server]\nurl = "{place.server.url}"   # ours\naccess_token_file = "token"\n\n'
        f'[[feeds]]\nname = "scans"\npath = "elsewhere"\ndata_collection = {place.series}\n'
        "  # the end"
    )
    return text.replace("\n", "\r\n").encode()


def test_a_feed_is_added_to_a_config_that_is_there(place: Place) -> None:
    place.write("p1/a.png", "p1/b.json", "p2/a.png", "p2/b.json")
    before = mine(place)
    place.config.write_bytes(before)
    place.config.chmod(0o640)

    # add, name (the proposed one), layout, settle, project, what now
    done = place.init(
        "--collection", str(place.pairs), "--path", str(place.share), answers=("", "", "", "0", "none", "")
    )

    after = place.config.read_bytes()
    assert after.startswith(before)
    assert [feed.name for feed in load(place.config).feeds] == ["scans", "scans-2"]
    assert place.config.stat().st_mode & 0o777 == 0o640
    assert (done.exit_code, "elsewhere is not there" in done.stdout) == (1, True), "the old feed is told of as well"


@pytest.mark.parametrize("content", ["[server\n", '[server]\nurl = "https://a.example"\n', "\xff"])
def test_a_config_that_can_not_be_used_is_left_alone(place: Place, content: str) -> None:
    place.write("p1/a.png", "p1/b.json")
    place.config.write_bytes(content.encode("latin-1"))
    other = place.folder / "other.toml"

    done = place.init(*place.given(settle="0"), "--by", "directory", answers=(str(other), "", "", ""))

    assert done.exit_code == 0, done.stdout + done.stderr
    assert "but it can't be used" in done.stdout
    assert place.config.read_bytes() == content.encode("latin-1")
    assert load(other).feeds[0].name == "scans"


def test_the_same_folder_for_the_same_collection_twice_is_refused(place: Place) -> None:
    place.write("p1/a.png", "p1/b.json")
    assert place.init(*place.given(), "--by", "directory", "--yes").exit_code == 0
    before = place.config.read_bytes()

    done = place.init("--collection", str(place.pairs), "--path", str(place.share), "--add", "--yes")

    assert done.exit_code == 2
    assert "sends the same folder" in done.stderr
    assert place.config.read_bytes() == before


def test_a_token_of_the_environment_goes_to_no_other_server(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNAPSE_HOST", "https://other.example")
    monkeypatch.setenv("SYNAPSE_ACCESS_TOKEN", "syn_of_the_other")

    done = place.init("--url", place.server.url, answers=(place.server.options.token,))

    assert "using the token" not in done.stdout
    assert "the token is stored in" in done.stdout


def test_a_login_of_another_host_is_not_replaced_unasked(place: Place) -> None:
    login = Path(os.environ["HOME"]) / ".synapse/config.json"
    login.parent.mkdir()
    login.write_text('{"host": "https://other.example", "access_token": "syn_other"}')
    login.chmod(0o600)

    done = place.init("--url", place.server.url, answers=(place.server.options.token, "n"))

    assert done.exit_code == 2
    assert "--token-file" in done.stderr
    assert "syn_other" in login.read_text()


def test_a_config_whose_own_token_is_refused_is_told_and_not_talked_around(place: Place) -> None:
    """What is entered would be stored as a login, which a config with a file of its own does not look at."""
    place.config.write_bytes(mine(place))
    (place.folder / "token").write_text("syn_of_yesterday")

    done = place.init(answers=("", place.server.options.token))

    assert (done.exit_code, "401" in done.stderr) == (3, True)


def test_root_s_config_has_its_token_stored_for_the_service(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = place.folder / "credstore"
    monkeypatch.setattr("synapse_sync.cli.connecting.SYSTEM_CONFIG", place.config)
    monkeypatch.setattr("synapse_sync.cli.connecting.CREDSTORES", (store,))

    done = place.init(
        "--url", place.server.url, "--collection", str(place.pairs), "--path", str(place.share),
        answers=(place.server.options.token, "y", "", "", "", "", ""),
    )  # fmt: skip

    assert done.exit_code == 0, done.stdout + done.stderr
    stored = store / "synapse-access-token"
    assert (stored.read_text(), stored.stat().st_mode & 0o777) == (f"{place.server.options.token}\n", 0o600)


def test_many_collections_are_looked_up_by_name(place: Place) -> None:
    place.write("p1/a.png", "p1/b.json")
    wanted = 0
    for count in range(20):
        wanted = place.server.create_collection(f"Ward {count}", specs=[IMAGE, LABEL])
    options = place.given()
    at = options.index("--collection")
    del options[at : at + 2]

    done = place.init(*options, answers=("ward 19", str(wanted), "", "", "", "", ""))

    assert done.exit_code == 0, done.stdout + done.stderr
    assert "22 data collections" in done.stdout
    assert load(place.config).feeds[0].data_collection == wanted


def test_a_collection_of_sequences_is_not_for_us(place: Place) -> None:
    video = {"name": "frames_1", "file_type": "image", "is_required": True, "is_sequential": True}
    sequences = place.server.create_collection("Frames", specs=[video])

    done = place.init(*place.given(collection=str(sequences)), "--yes")

    assert done.exit_code == 2
    assert "sequential" in done.stderr


def test_an_older_server_is_spoken_to_in_v1(tmp_path: Path) -> None:
    with DevServer(Options(data=tmp_path / "backend", v2=False)) as server:
        place = Place(tmp_path, server)
        place.write("p1/a.png", "p1/b.json")

        done = place.init(*place.given(settle="0"), "--by", "directory", "--yes")

        assert done.exit_code == 0, done.stdout + done.stderr
        assert "API v1" in done.stdout
        assert place.run("once").exit_code == 0
        assert place.keys(place.pairs) == ["p1"]
