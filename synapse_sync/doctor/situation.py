"""What the checks look at: filled in by the first of them, as far as it can be had, for those that come after."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from synapse_sync.config import AssetRoot, Config, Credentials, Feed, command_for, ledger_path
from synapse_sync.control import running
from synapse_sync.destinations.base import Destination
from synapse_sync.doctor.findings import Finding
from synapse_sync.doctor.tree import Tree
from synapse_sync.records import Collection


@dataclass
class Situation:
    """named: the config file that was asked for, if any. config, credentials and destination are None until they are
    known, or where they can't be; collections has those that could be opened, placed the roots in
    storages that could be found, by feed and asset, trees the folders that were looked
    through, by path; silent are paths of folders that give no answer, which nobody asks again.
    """

    named: Path | None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    config: Config | None = None
    credentials: Credentials | None = None
    destination: Destination | None = None
    collections: dict[int, Collection] = field(default_factory=dict)
    placed: dict[tuple[str, str], AssetRoot] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)

    @property
    def command(self) -> str:
        """How the program is started with this config."""
        return command_for(self.config.source, self.environ) if self.config is not None else "synapse-sync"

    @cached_property
    def daemon(self) -> dict[str, Any] | None:
        """How the daemon of this config is (control.running); None where none runs."""
        return running(self.config.source, ledger_path(self.config, self.environ)) if self.config is not None else None

    def feeds(self) -> list[Feed]:
        """The feeds, as far as the config could be read."""
        return self.config.feeds if self.config is not None else []

    def roots(self) -> Iterator[tuple[Feed, AssetRoot]]:
        """Each folder that files come from, with its feed."""
        return ((feed, root) for feed, root in self._all_roots() if root.remote is None)

    def remote_roots(self) -> Iterator[tuple[Feed, AssetRoot]]:
        """Each remote place that files come from, with its feed."""
        return ((feed, root) for feed, root in self._all_roots() if root.remote is not None)

    def _all_roots(self) -> Iterator[tuple[Feed, AssetRoot]]:
        for feed in self.feeds():
            for asset, root in feed.asset_roots().items():
                there = self.placed.get((feed.name, asset), root)
                if there.storage is None and there.path not in self.silent:
                    yield feed, there


Check = Callable[[Situation], Iterator[Finding]]
