"""Folders of web servers as places for files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from synapse_sync.config import Remote
from synapse_sync.sources.base import Source
from synapse_sync.sources.http.source import HttpSource
from synapse_sync.sources.web.source import WebSource
from synapse_sync.sources.webdav.source import WebdavSource

from .places import Folder
from .webd import WebServer

READERS: dict[str, type[WebSource]] = {"webdav": WebdavSource, "http": HttpSource}


class WebFolder(Folder):
    """A folder of this machine that a web server has; what is put there is a minute newer each time.

    below: where the server has its folder.
    """

    def __init__(self, name: str, server: WebServer, kind: str, below: str = "") -> None:
        super().__init__(server.served / name)
        self.server = server
        self.kind = kind
        self.below = below
        self.moment = 1_750_000_000

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def asks_for_each(self) -> bool:
        """Whether each file is asked for, of which a list tells too little."""
        return self.kind == "http" and self.below != "/json"

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @property
    def table(self) -> str:
        return ""

    def url_at(self, port: int, name: str = "") -> str:
        return f"{self.kind}://127.0.0.1:{port}{self.below}/{name or self.root.name}"

    def put(self, path: str, content: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.arriving()
        temporary.write_bytes(content)
        self.moment += 60
        os.utime(temporary, (self.moment, self.moment))
        temporary.rename(target)

    def arriving(self) -> Path:
        return self.server.folder / f"arriving-{os.urandom(8).hex()}"

    def make(self) -> None:
        self.root.mkdir()

    def source(self, *, port: int = 0, access: dict[str, Any] | None = None, **options: Any) -> WebSource:
        return READERS[self.kind.removesuffix("s")](self.url_at(port or self.port), Remote(**(access or {})), **options)

    def elsewhere(self) -> Source:
        return READERS[self.kind.removesuffix("s")](f"{self.url}2", Remote())
