"""A Python that has the real SDK, made where none is given: as much of it as its clients need (protocol §11)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SDK = "synapse-sdk==2026.2.17"
NEEDS = ("requests", "httpx", "pydantic", "pyyaml", "aiohttp")  # of the clients; all that the SDK declares is 440 MB
FIND_PYTHON = Path(__file__).parent.parent / ".ci" / "python312"


def sdk_python(given: str | None) -> Path:
    """The interpreter to run the SDK with: the one given, else that of a venv in the user's cache, made when needed."""
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "synapse-sync-benchmarks" / SDK.replace("==", "-")
    python = folder / "bin" / "python"
    if not (python.exists() and _has_sdk(python)):
        found = subprocess.run([FIND_PYTHON], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        subprocess.run([found, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", SDK], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *NEEDS], check=True)
    return python


def _has_sdk(python: Path) -> bool:
    check = [str(python), "-c", "import synapse_sdk.clients.backend"]
    return subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode == 0
