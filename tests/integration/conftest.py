"""A whole installation in a folder: a share, an embedded backend, a config; driven through the real command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from synapse_sync.cli.app import app
from synapse_sync.devserver import DevServer, Options
from synapse_sync.errors import SynapseSyncError

IMAGE = {"name": "image_1", "file_type": "image", "extensions": [".png", ".jpg"], "is_required": True}
LABEL = {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True}
DICOM = {"name": "dicom_1", "file_type": "medical", "extensions": [".dcm"], "is_required": False}


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


class Installation:
    """One feed from `share` into a collection of the embedded backend; `sync()` is `synapse-sync once`."""

    def __init__(self, folder: Path, server: DevServer) -> None:
        self.folder = folder
        self.server = server
        self.share = folder / "share"
        self.share.mkdir()
        self.collection = 0
        self.project = 0

    def configure(self, *, specs: list[dict[str, Any]] | None = None, schema: dict[str, Any] | None = None, extra: str = "",
                  head: str = "", feed: str = "", project: bool = False) -> None:  # fmt: skip
        """Make the collection once and write the config; `feed` are more lines of the feed, `extra` its tables."""
        if not self.collection:
            self.collection = self.server.create_collection("scans", specs=specs or [IMAGE, LABEL, DICOM], meta_schema=schema)
        if project and not self.project:
            self.project = self.server.create_project("labelling", collection=self.collection)
        (self.folder / "token").write_text(self.server.options.token)
        (self.folder / "token").chmod(0o600)
        path = "" if "assets" in extra else 'path = "share"\n'
        task = f"project = {self.project}\n" if project else ""
        (self.folder / "config.toml").write_text(
            f'[server]\nurl = "{self.server.url}"\naccess_token_file = "token"\n{head}\n[ledger]\npath = "ledger.db"\n'
            f'[[feeds]]\nname = "scans"\ndata_collection = {self.collection}\n{path}{task}settle = "0s"\n{feed}\n{extra}\n'
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
        result = CliRunner().invoke(app, ["--config", str(self.folder / "config.toml"), *arguments])
        error = result.exception if isinstance(result.exception, SynapseSyncError) else None
        if result.exception is not None and error is None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(error.exit_code if error else result.exit_code, result.stdout, error)

    def sync(self, *arguments: str) -> Outcome:
        """`synapse-sync once --json`."""
        return self.run("once", "--json", *arguments)

    def units(self) -> dict[str, dict[str, str]]:
        """The collection's units: key -> {spec: path}."""
        found = self.server.units(self.collection)
        units = {unit["meta"]["data_unit_key"]: {spec: file["path"] for spec, file in unit["files"].items()} for unit in found}
        assert len(units) == len(found), "two units have the same key"
        return units

    def states(self) -> dict[str, str]:
        """The ledger's units: key (#version where above 1) -> state."""
        units = self.run("units", "--json", "--limit", "100000").json
        return {u["key"] + (f"#{u['version']}" if u["version"] > 1 else ""): u["state"] for u in units}

    def reason(self, key: str) -> str:
        """Why the newest version of a unit is in its state."""
        return self.run("units", "show", key, "--json").json[-1]["reason"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    """An embedded backend of its own."""
    with DevServer(Options(data=tmp_path / "backend")) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, server: DevServer) -> Installation:
    """An installation whose config is still to be written."""
    return Installation(tmp_path, server)
