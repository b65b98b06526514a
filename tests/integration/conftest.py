"""A whole installation in a folder: a share, an embedded backend, a config; driven through the real command line."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from typer.main import get_command

from synapse_sync.__main__ import main
from synapse_sync.cli.app import app
from synapse_sync.devserver import DevServer, Options, catalogue
from synapse_sync.devserver.store import Database
from synapse_sync.errors import SynapseSyncError
from synapse_sync.steps import backoff

from .account import problems_of
from .listener import Listener

IMAGE = {"name": "image_1", "file_type": "image", "extensions": [".png", ".jpg"], "is_required": True}
LABEL = {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True}
DICOM = {"name": "dicom_1", "file_type": "medical", "extensions": [".dcm"], "is_required": False}

DIRECTORY = '[feeds.grouping]\nby = "directory"\n'
STEM = '[feeds.grouping]\nby = "stem"\n'
PAIR: dict[str, bytes | str] = {"p1/image.png": "an image", "p1/label.json": "a label"}

COMMAND = get_command(app)  # building it takes longer than most of its commands
# What takes minutes is not for the README's command: .ci/run has a step for it.
collect_ignore = [] if os.environ.get("SYNAPSE_SYNC_LONG") else ["test_daemon_hardships.py", "test_storms.py"]

LONGEST = 30.0  # seconds that a test waits for another process before it says that it hangs


def stored(content: bytes | str) -> str:
    """What the embedded backend keeps a content under, by whatever checksum it is known there."""
    return hashlib.sha1(content if isinstance(content, bytes) else content.encode(), usedforsecurity=False).hexdigest()


def until(true: Callable[[], object], what: str) -> None:
    """Wait until something holds in another process or thread; fail with `what` if it never does."""
    deadline = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


class Outcome:
    """What one command printed and how it ended."""

    def __init__(self, exit_code: int, stdout: str, error: SynapseSyncError | None) -> None:
        self.exit_code = exit_code
        self.stdout = stdout
        self.error = error

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.stdout)

    @property
    def feed(self) -> dict[str, Any]:
        """What `once --json` says of the only feed."""
        feeds: list[dict[str, Any]] = self.json["feeds"]
        assert len(feeds) == 1
        return feeds[0]

    @property
    def counts(self) -> dict[str, int]:
        """What the run of the only feed counted."""
        counts: dict[str, int] = self.feed["run"]["counts"]
        return counts


class Printed(NamedTuple):
    """What a command left on a person's screen, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


def typed(*arguments: str) -> Printed:
    """`synapse-sync ARGUMENTS` from its entry point on: errors end as words and an exit code."""
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(stdout), redirect_stderr(stderr), patch.object(sys, "argv", ["synapse-sync", *arguments]):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    assert "Traceback" not in stderr.getvalue()
    assert "unexpected" not in stderr.getvalue()
    return Printed(code, stdout.getvalue(), stderr.getvalue())


def process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """`synapse-sync ARGUMENTS` as a process of its own."""
    command = [sys.executable, "-m", "synapse_sync", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


class Installation:
    """One feed from `share` into a collection of the embedded backend; `sync()` is `synapse-sync once`."""

    def __init__(self, folder: Path, server: DevServer) -> None:
        self.folder = folder
        self.server = server
        self.share = folder / "share"
        self.share.mkdir()
        self.collection = 0
        self.project = 0

    @property
    def config(self) -> str:
        """The config file's path."""
        return str(self.folder / "config.toml")

    @property
    def ledger(self) -> Path:
        """The ledger's path."""
        return self.folder / "ledger.db"

    def configure(
        self,
        *,
        specs: list[dict[str, Any]] | None = None,
        schema: dict[str, Any] | None = None,
        extra: str = "",
        head: str = "",
        feed: str = "",
        project: bool = False,
    ) -> None:
        """Make the collection once and write the config; `feed` are more lines of the feed, `extra` its tables."""
        if not self.collection:
            specs = specs or [IMAGE, LABEL, DICOM]
            self.collection = self.server.create_collection("scans", specs=specs, meta_schema=schema)
        if project and not self.project:
            self.project = self.server.create_project("labelling", collection=self.collection)
        (self.folder / "token").write_text(self.server.options.token)
        (self.folder / "token").chmod(0o600)
        path = "" if "assets" in extra else 'path = "share"\n'
        task = f"project = {self.project}\n" if project else ""
        (self.folder / "config.toml").write_text(
            f'[server]\nurl = "{self.server.url}"\naccess_token_file = "token"\n{head}\n[ledger]\npath = "ledger.db"\n'
            f'[[feeds]]\nname = "scans"\ndata_collection = {self.collection}\n{path}{task}settle = "0s"\n'
            f"{feed}\n{extra}\n"
        )

    def write(self, files: dict[str, bytes | str] | list[str]) -> None:
        """Put files into the share; a list gives each file its own name as content."""
        named = files if isinstance(files, dict) else {name: f"content of {name}" for name in files}
        for name, content in named.items():
            path = self.share / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(self, *arguments: str) -> Outcome:
        """Run one command of synapse-sync in this process."""
        stdout = io.StringIO()
        with redirect_stdout(stdout):
            try:
                code = COMMAND.main(["--config", self.config, *arguments], standalone_mode=False)
            except SynapseSyncError as error:
                return Outcome(error.exit_code, stdout.getvalue(), error)
        return Outcome(code or 0, stdout.getvalue(), None)

    def type(self, *arguments: str) -> Printed:
        """One command as a person types it."""
        return typed("--config", self.config, *arguments)

    def process(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """One command as a process of its own."""
        return process("--config", self.config, *arguments, **options)

    def sync(self, *arguments: str) -> Outcome:
        """`synapse-sync once --json`."""
        return self.run("once", "--json", *arguments)

    def units(self) -> dict[str, dict[str, str]]:
        """The collection's units: key -> {spec: path}."""
        found = self.server.units(self.collection)
        units = {
            unit["meta"]["data_unit_key"]: {spec: file["path"] for spec, file in unit["files"].items()}
            for unit in found
        }
        assert len(units) == len(found), "two units have the same key"
        return units

    def states(self) -> dict[str, str]:
        """The ledger's units: key (#version where above 1) -> state."""
        units = self.run("units", "--json", "--limit", "100000").json
        return {u["key"] + (f"#{u['version']}" if u["version"] > 1 else ""): u["state"] for u in units}

    def reason(self, key: str) -> str:
        """Why the newest version of a unit is in its state."""
        return self.run("units", "show", key, "--json").json[-1]["reason"]

    def registered(self) -> list[dict[str, str]]:
        """The collection's units, oldest first: {spec: content, as stored() has it}."""
        with self.server._running().store.reading() as db:
            contents = dict(db.execute("SELECT checksum, content FROM data_files").fetchall())
        units = self.server.units(self.collection)
        return [{spec: contents[file["checksum"]] for spec, file in unit["files"].items()} for unit in units]

    def files(self) -> dict[str, tuple[str, str | None]]:
        """The ledger's files: path -> (state, unit)."""
        files = self.run("files", "--json", "--limit", "100000").json
        return {file["path"]: (file["state"], file["unit"]) for file in files}

    def why(self, path: str) -> str:
        """The reason that is given for one file's state."""
        return self.run("files", "show", path, "--json").json[0]["reason"]

    def received(self) -> int:
        """How many bytes of content the server has received since the statistics were reset."""
        return int(self.server.stats()["bytes_received"])

    def requests(self, route: str) -> int:
        """How often a route was asked since the statistics were reset."""
        return int(self.server.stats()["requests"].get(route, 0))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the ledger's file holds."""
        connection = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def ledger_text(self) -> str:
        """Everything that the ledger holds: two equal texts mean that nothing was written in between."""
        connection = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()

    def change_collection(
        self, *, specs: list[dict[str, Any]] | None = None, schema: dict[str, Any] | None = None
    ) -> None:
        """What somebody does in Synapse: other file specifications, another schema for meta ({} for none)."""

        def change(db: Database) -> None:
            if specs is not None:
                catalogue.set_specs(db, self.collection, specs)
            if schema is not None:
                meta = json.dumps({catalogue.META_SCHEMA: schema} if schema else {})
                db.execute("UPDATE collections SET meta = ? WHERE id = ?", (meta, self.collection))

        self.in_backend(change)

    def in_backend(self, change: Callable[[Database], object]) -> None:
        """Change the backend's own tables: what no client can do."""
        with self.server._running().store.transaction() as db:
            change(db)


@pytest.fixture(scope="session")
def _backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """One embedded backend for all tests: starting and ending one takes longer than most of them."""
    with DevServer(Options(data=tmp_path_factory.mktemp("backend"))) as server:
        yield server


@pytest.fixture
def server(_backend: DevServer) -> DevServer:
    """An embedded backend in which there is nothing and nothing goes wrong."""
    _backend.empty()
    return _backend


@pytest.fixture
def site(tmp_path: Path, server: DevServer) -> Installation:
    """An installation whose config is still to be written."""
    return Installation(tmp_path, server)


@pytest.fixture
def lonely_site(tmp_path: Path) -> Iterator[Installation]:
    """An installation with a backend of its own, which can be stopped."""
    with DevServer(Options(data=tmp_path / "backend")) as server:
        yield Installation(tmp_path, server)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A service that is pinged."""
    listener = Listener()
    yield listener
    listener.stop()


@pytest.fixture(autouse=True)
def _the_ledger_is_sound(tmp_path: Path) -> Iterator[None]:
    """Whatever a test did: its ledger is whole, every move was a legal one, every file is accounted for."""
    yield
    for ledger in sorted(tmp_path.rglob("ledger.db")):
        assert problems_of(ledger) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """`once` leaves failed attempts for a later run instead of waiting for them."""
    monkeypatch.setattr("synapse_sync.cli.sync.RETRYING", 0.0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server of these tests is still at work on a request whose client is gone."""
    monkeypatch.setattr(backoff, "AT_WORK", 0.0)


@pytest.fixture
def as_root() -> None:
    """For what only root can set up (mounts, other users)."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: this needs root, to mount a file system or to start a process as another user")
