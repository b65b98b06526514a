"""A metadata table in a remote place that no listing of the feed shows: elsewhere on a storage, or not taken."""

from __future__ import annotations

import os
from dataclasses import replace

from synapse_sync.config import AssetRoot
from synapse_sync.records import Directory, Observation
from synapse_sync.sources.configured import source_of


class TableAway:
    """The table, looked for in the listing of its folder alone; `since` is when it was first seen as it is.

    No clock of ours is held against its server's: it settles by being seen the same for long enough.
    """

    def __init__(self, root: AssetRoot, url: str) -> None:
        folder, _, name = url.rpartition("/")
        self.url = url
        self.name = os.fsencode(name)
        self.source = source_of(replace(root, path=folder, recursive=False, include=(), exclude=()))
        self.observed: Observation | None = None
        self.since = 0.0
        self._looked_at = -1.0

    def look(self, listed_at: float, now: float) -> None:
        """Look again if the feed has been listed since. Raises SourceUnavailable."""
        if listed_at <= self._looked_at:
            return
        found = self._found()
        if found != self.observed:
            self.observed, self.since = found, now
        self._looked_at = listed_at

    def _found(self) -> Observation | None:
        for item in self.source.listing():
            if isinstance(item, Directory) and item.path == b"" and self.name in item.files:
                return item.files[self.name]
        return None
