"""What an administrator has prepared before `service install`: a share, a config, a token; and their ways to look."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from synapse_sync.devserver import DevServer

from .machine import LONGEST, Machine

SHARE = "/srv/nas/scans"
SPECS = [
    {"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True},
    {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True},
]
CREDENTIAL = "/etc/credstore/synapse-access-token"


class Host:
    """A machine, and the backend that its service talks to."""

    def __init__(self, machine: Machine, server: DevServer) -> None:
        self.machine = machine
        self.server = server
        self.collection = server.create_collection("scans", specs=SPECS)

    def configure(self, path: str = SHARE, *, name: str = "config", head: str = "", feed: str = "") -> None:
        """A config with one feed of folders, the folder itself, and the token in the credential store."""
        self.put(
            f"/etc/synapse-sync/{name}.toml",
            f'[server]\nurl = "{self.server.url}"\n{head}\n[schedule]\nrun_every = "1s"\nrescan_every = "2s"\n'
            f'[[feeds]]\nname = "scans"\npath = "{path}"\ndata_collection = {self.collection}\nsettle = "0s"\n'
            f'wait_optional = "0s"\n{feed}\n[feeds.grouping]\nby = "directory"\n',
        )
        self.put(CREDENTIAL + ("" if name == "config" else f"-{name}"), self.server.options.token, mode=0o600)
        self.path(path).mkdir(parents=True, exist_ok=True)

    def path(self, inside: str) -> Path:
        """A path of the machine as this process sees it; never one of the machine that runs the test."""
        return self.machine.root / inside.lstrip("/")

    def put(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        """Write a file of the machine."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)

    def scan(self, key: str, *, size: int = 0, path: str = SHARE) -> None:
        """What the scanner leaves: a folder with an image and its label."""
        self.put(f"{path}/{key}/image.png", f"an image of {key}".encode().ljust(size, b"."))
        self.put(f"{path}/{key}/label.json", f"a label of {key}")

    def keys(self) -> list[str]:
        """The keys of the units that the server has, each as often as it has it."""
        return sorted(unit["meta"]["data_unit_key"] for unit in self.server.units(self.collection))

    def reads(self, path: str) -> str:
        """A file of the machine."""
        return self.path(path).read_text()


def until(true: Callable[[], object], what: str, machine: Machine) -> None:
    """Wait until something holds; fail with `what` and the journal if it never does."""
    deadline = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < deadline, f"never happened: {what}\n{machine.journal()}"
        time.sleep(0.05)
