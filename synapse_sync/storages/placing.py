"""A feed's sources, those in storages of the server's among them, and whether they are still where they were."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synapse_sync.config import AssetRoot, Feed
from synapse_sync.config.storage_paths import ROOT
from synapse_sync.errors import SourceUnavailable, StorageUnusable
from synapse_sync.grants import Secrets
from synapse_sync.records import StorageSession
from synapse_sync.sources.base import Source
from synapse_sync.sources.configured import source_of
from synapse_sync.storages.sessions import Storages, unavailable
from synapse_sync.storages.translation import PlacedRoot, placed_root
from synapse_sync.storages.unplaced import Unplaced


class Placing:
    """One path in a storage: where it is, and the credentials for it. Implements grants.Grant."""

    def __init__(self, storages: Storages, root: AssetRoot) -> None:
        """Ask for the storage, unless it is known. Raises SourceUnavailable."""
        assert root.storage is not None
        self._storages, self._root, self._number = storages, root, root.storage
        self._session = storages.session(self._number)
        self.place = self._translated(self._session)
        self._secrets = self.place.secrets
        self._connected = False

    @property
    def provider(self) -> str:
        """The storage's kind, in the server's word."""
        return self._session.provider

    def source_root(self) -> AssetRoot:
        """The root as sources know it."""
        grant = self if self.place.secrets else None
        return replace(self._root, path=self.place.path, remote=self.place.remote, storage=None, grant=grant)

    def storage_root(self) -> AssetRoot:
        """The root of the whole storage, as sources know it."""
        return Placing(self._storages, replace(self._root, path=ROOT)).source_root()

    def has_moved(self) -> bool:
        """Whether the storage is elsewhere now, is reached in another way, or can't be used any more."""
        try:
            return not self._is_same(self._translated(self._storages.session(self._number)))
        except SourceUnavailable:
            return True

    def secrets(self, *, connecting: bool = False) -> Secrets:
        """The credentials; see Grant."""
        doubted, self._connected = connecting and self._connected, self._connected or connecting
        session = self._storages.session(self._number, doubted=doubted)
        if session is not self._session:
            now = self._translated(session)
            if not self._is_same(now):
                is_now = f"{now.address} now" if now.address != self.place.address else "reached in another way now"
                raise SourceUnavailable(
                    f"storage {self._number}, which was {self.place.address}, is {is_now}",
                    hint="it is read there from the next look on",
                )
            self._session, self._secrets = session, now.secrets
        return self._secrets

    def _is_same(self, now: PlacedRoot) -> bool:
        """Whether the sources that were made serve on, with other credentials at most."""
        one, other = ((each.path, each.remote, bool(each.secrets)) for each in (now, self.place))
        return one == other

    def _translated(self, session: StorageSession) -> PlacedRoot:
        try:
            return placed_root(self._number, session, self._root.path, self._root.remote)
        except StorageUnusable as error:
            raise unavailable(error) from error


@dataclass(frozen=True)
class Placed:
    """A feed's sources by asset; placings are those of its roots in storages, None where one could not be asked for.

    table_root: see Work.
    """

    sources: Mapping[str, Source]
    placings: Mapping[str, Placing | None]
    table_root: AssetRoot | None = None

    @property
    def addresses(self) -> str | None:
        """What decides which files there are beyond the config: a digest, "" without storages, None if not known."""
        if not self.placings:
            return ""
        found = sorted((asset, each.place.address) for asset, each in self.placings.items() if each is not None)
        if len(found) < len(self.placings):
            return None
        return hashlib.sha256(repr(found).encode()).hexdigest()

    def is_astray(self) -> bool:
        """Whether the sources are to be made anew: a storage could not be asked for, or is elsewhere now."""
        return any(placing is None or placing.has_moved() for placing in self.placings.values())


def placed(feed: Feed, storages: Storages, own: Sequence[Path]) -> Placed:
    """The sources of a feed; those that the server does not tell of raise that when they are listed.

    own: files and folders of the product's own, which no storage may hold.
    """
    sources: dict[str, Source] = {}
    placings: dict[str, Placing | None] = {}
    table_root = None
    for asset, root in feed.asset_roots().items():
        there = root
        if root.storage is not None:
            try:
                placing = Placing(storages, root)
                there = placing.source_root()
                require_here(there, root, own)
                if root.storage == feed.storage and table_root is None:
                    table_root = placing.storage_root()
            except SourceUnavailable as error:
                sources[asset], placings[asset] = Unplaced(root.shown, error), None
                continue
            placings[asset] = placing
        elif root.remote is not None and not sources and feed.storage is None:
            table_root = root
        sources[asset] = source_of(there)
    return Placed(sources, placings, table_root)


def require_here(there: AssetRoot, root: AssetRoot, own: Sequence[Path]) -> None:
    """A storage that is a folder is one of this machine's, with none of our own files. Raises SourceUnavailable."""
    if there.remote is not None:
        return
    for ours in own:
        if ours.is_relative_to(there.path):
            raise SourceUnavailable(
                f"{root.shown} is the folder {there.path}, which holds {ours} of synapse-sync",
                hint="put that elsewhere: ledger.path, upload.spool",
            )
    if not os.path.isdir(there.path):
        raise SourceUnavailable(
            f"{root.shown} is the folder {there.path} of the machine that the storage is on, and this machine has none",
            hint="mount it there; or remove storage, and write the path at which this machine has it",
        )
