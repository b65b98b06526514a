"""Where each path in a storage is, for a person: `config check` and `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from synapse_sync.config import AssetRoot, Config, ledger_path, spool_path
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import SourceUnavailable
from synapse_sync.storages.placing import Placing, require_here
from synapse_sync.storages.sessions import Storages


class Told(NamedTuple):
    """A root in a storage: what the storage is called, and where it is as sources know it, or why that is not known."""

    feed: str
    asset: str
    root: AssetRoot
    name: str = ""
    there: AssetRoot | None = None
    words: str = ""
    remedy: str = ""


def told(config: Config, destination: Destination) -> Iterator[Told]:
    """Each path in a storage."""
    storages = Storages(destination)
    name_of = cache(destination.examination().storage_name)
    for feed in config.feeds:
        for asset, root in feed.asset_roots().items():
            if root.storage is None:
                continue
            try:
                placing = Placing(storages, root)
                there = placing.source_root()
                require_here(there, root, (ledger_path(config), spool_path(config)))
            except SourceUnavailable as error:
                yield Told(feed.name, asset, root, words=error.message, remedy=error.hint)
                continue
            name = name_of(root.storage)
            about = ", ".join(part for part in (name, placing.provider) if part)
            words = f"storage {root.storage} ({about}), path {root.path} → {placing.place.address}"
            yield Told(feed.name, asset, root, name, there, words)
