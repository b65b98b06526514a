"""Where one file belongs: its bucket, its key and the specs that it may fill, from its path alone.

    "stem"       patterns 2, 3, 5   key = folders (without the deepest type folder) + stem; bucket folds the stem's case
    "directory"  patterns 1, 4      key = the folder at `depth` levels below the root; deeper files belong to it
    "pattern"    as rules say       see rules.py

Whether a folder is left out of a stem's key depends on the folder alone, never on the file in it: two files of one
folder with one stem always share their key. Directories compare exactly after NFC, in both layouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from synapse_sync.grouping.matching import Matcher
from synapse_sync.grouping.names import nfc
from synapse_sync.grouping.places import (
    DIRECTORIES_REMEMBERED,
    Choice,
    Layout,
    Place,
    fields_of,
    metadata_place,
    without_type_folder,
)
from synapse_sync.grouping.rules import PatternLayout
from synapse_sync.grouping.type_folders import TypeFolders
from synapse_sync.records import Spec


def layout_for(choice: Choice, specs: Sequence[Spec]) -> Layout:
    """The layout of this choice for a collection with these specs. Built once, used for every file of the feed."""
    if choice.by == "pattern":
        return PatternLayout(specs, choice)
    return StemLayout(specs) if choice.by == "stem" else DirectoryLayout(specs, choice.depth)


class StemLayout:
    """Files of one stem in one folder belong together; a folder that speaks of a spec is no part of the place."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._matcher = Matcher(specs)
        self._folders = TypeFolders(specs)
        self._directory = lru_cache(maxsize=DIRECTORIES_REMEMBERED)(self._read_directory)

    def place(self, asset: str, path: str, kinds: Sequence[str] = ()) -> Place:
        """See Layout."""
        directory, _, name = nfc(path).rpartition("/")
        if aside := metadata_place(self._matcher, asset, directory, name):
            return aside
        prefix, folder = self._directory(directory)
        stem, extension = self._matcher.split(name, kinds)
        specs, evidence, reason = self._matcher.match(asset, extension, folder, ())
        if not specs:
            return Place("", "", (), "unmatched", reason)
        return Place(prefix + stem.casefold(), prefix + stem, specs, "", "", evidence)

    def fields(self, path: str) -> dict[str, str]:
        """See Layout."""
        return fields_of(self._matcher, path)

    def _read_directory(self, directory: str) -> tuple[str, tuple[str, ...]]:
        return without_type_folder(directory, self._folders.named_by)


class DirectoryLayout:
    """All files below one folder belong together; folders and files inside it may speak of specs."""

    def __init__(self, specs: Sequence[Spec], depth: int) -> None:
        self._matcher = Matcher(specs)
        self._folders = TypeFolders(specs)
        self._depth = depth
        self._directory = lru_cache(maxsize=DIRECTORIES_REMEMBERED)(self._read_directory)

    def place(self, asset: str, path: str, kinds: Sequence[str] = ()) -> Place:
        """See Layout."""
        directory, _, name = nfc(path).rpartition("/")
        if aside := metadata_place(self._matcher, asset, directory, name):
            return aside
        key, folder = self._directory(directory)
        stem, extension = self._matcher.split(name, kinds)
        specs, evidence, reason = self._matcher.match(asset, extension, folder, self._folders.named_by(stem))
        if not specs:
            return Place("", "", (), "unmatched", reason)
        if not key:
            levels = "1 level" if self._depth == 1 else f"{self._depth} levels"
            return Place("", "", (), "unmatched", f"it stands above the folders that make units ({levels} down)")
        return Place(key, key, specs, "", "", evidence)

    def fields(self, path: str) -> dict[str, str]:
        """See Layout."""
        return fields_of(self._matcher, path)

    def _read_directory(self, directory: str) -> tuple[str, tuple[str, ...]]:
        """The key ("" above it), and the specs that the deepest type folder inside the unit's folder speaks of.

        The folders of the key name units, not types: `image_1/` may well be the first of many.
        """
        parts = directory.split("/") if directory else []
        if len(parts) < self._depth:
            return "", ()
        inside = reversed(parts[self._depth :])
        return "/".join(parts[: self._depth]), next(filter(None, map(self._folders.named_by, inside)), ())
