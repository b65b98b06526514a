"""Looking at a spool, and at how often objects are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..conftest import Installation
from .interference import Proxy


def times_read(proxy: Proxy) -> set[int]:
    """How often objects were read."""
    return set(Counter(asked.path for asked in proxy.reads()).values())


def in_spool(site: Installation, folder: str = "spool") -> list[Path]:
    return [path for path in sorted((site.folder / folder).rglob("*")) if path.is_file()]


def with_upload(site: Installation, *lines: str) -> None:
    config = site.folder / "config.toml"
    config.write_text(config.read_text().replace("[[feeds]]", "\n".join(["[upload]", *lines, "[[feeds]]"]), 1))
