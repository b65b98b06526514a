"""A feed of synapse-sync into a lean server of its own, as several benchmarks need it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = Path(__file__).parent / "lean_server.py"
TOKEN = {"SYNAPSE_ACCESS_TOKEN": "syn_dev"}
"""What the environment of a client must have."""


@contextmanager
def lean_server(latency: float = 0.0, *options: str) -> Iterator[str]:
    """lean_server.py in a process of its own, each answer `latency` seconds late; gives its URL."""
    command = [sys.executable, SERVER, "--latency", str(latency), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate()  # its input ends, and it with it


def counts(url: str) -> dict[str, int]:
    """What the server has got so far: requests, files and their bytes, contents (distinct files), units, unit_files.

    Bytes count as they arrive, also those of an upload that broke off. presigned and v2_units: those of the files and
    units that came that way.
    """
    with urllib.request.urlopen(f"{url}/counts/") as answer:
        counted: dict[str, int] = json.load(answer)
    return counted


def write_config(folder: Path, url: str, collection: int) -> Path:
    """The config of a feed from folder/share, with the ledger beside it; gives its path."""
    config = folder / "config.toml"
    config.write_text(
        f'[server]\nurl = "{url}"\n[ledger]\npath = "ledger.db"\n'
        f'[[feeds]]\nname = "scans"\ndata_collection = {collection}\npath = "share"\nsettle = "0s"\n'
    )
    return config


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
