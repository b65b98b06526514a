"""Where one file belongs: its bucket, its key and the specs that it may fill, from its path alone.

    "stem"       patterns 2, 3, 5   key = folders (without the deepest type folder) + stem; bucket folds the stem's case
    "directory"  patterns 1, 4      key = the folder at `depth` levels below the root; deeper files belong to it
    "pattern"    as rules say       see rules.py

Whether a folder is left out of a stem's key depends on the folder alone, never on the file in it: two files of one
folder with one stem always share their key. Directories compare exactly after NFC, in both layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from synapse_sync.grouping.matching import Evidence, Matcher
from synapse_sync.grouping.names import SIDECAR_ENDINGS, TABLE_NAMES, nfc
from synapse_sync.grouping.type_folders import TypeFolders
from synapse_sync.records import Spec
from synapse_sync.templates import path_fields

_DIRECTORIES_REMEMBERED = 4096  # listings come directory by directory, so a few suffice; trees have millions


@dataclass(frozen=True, slots=True)
class Choice:
    """Which layout a feed uses, as the config says or inference chose.

    depth counts the folder levels below the root that make the key; it means something for "directory" only. rules
    (pattern, spec), key and unit_key belong to "pattern".
    """

    by: Literal["stem", "directory", "pattern"]
    depth: int = 1
    rules: tuple[tuple[str, str], ...] = ()
    key: str = ""
    unit_key: str = ""


class Place(NamedTuple):
    """Where one file belongs.

    bucket holds the files that must be decided together ("" when aside), key is this one file's exact (NFC) key, specs
    are the candidates by the best evidence alone, in the collection's order (() when aside). reason says in words why
    a file is aside.
    """

    bucket: str
    key: str
    specs: tuple[str, ...]
    aside: Literal["", "unmatched", "metadata"] = ""
    reason: str = ""
    evidence: Evidence = Evidence.NONE


class Layout(Protocol):
    """One way of telling from a path which unit a file belongs to."""

    def place(self, asset: str, path: str, kinds: Sequence[str] = ()) -> Place:
        """Where the file at this path (relative to the asset's root, "" for a single-path feed) belongs.

        kinds: extensions by its content, where its name says nothing; such a name is a stem as a whole.
        """

    def fields(self, path: str) -> dict[str, str]:
        """What the parts of this path are called in templates."""


def layout_for(choice: Choice, specs: Sequence[Spec]) -> Layout:
    """The layout of this choice for a collection with these specs. Built once, used for every file of the feed."""
    if choice.by == "pattern":
        from synapse_sync.grouping.rules import PatternLayout

        return PatternLayout(specs, choice)
    return StemLayout(specs) if choice.by == "stem" else DirectoryLayout(specs, choice.depth)


class StemLayout:
    """Files of one stem in one folder belong together; a folder that speaks of a spec is no part of the place."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._matcher = Matcher(specs)
        self._folders = TypeFolders(specs)
        self._directory = lru_cache(maxsize=_DIRECTORIES_REMEMBERED)(self._read_directory)

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
        self._directory = lru_cache(maxsize=_DIRECTORIES_REMEMBERED)(self._read_directory)

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


def without_type_folder(directory: str, named_by: Callable[[str], tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
    """What stands before the stem in the key, and the specs that the deepest type folder speaks of."""
    parts = directory.split("/") if directory else []
    for level in range(len(parts) - 1, -1, -1):
        if named := named_by(parts[level]):
            del parts[level]
            return "".join(f"{part}/" for part in parts), named
    return (f"{directory}/" if directory else ""), ()


def fields_of(matcher: Matcher, path: str) -> dict[str, str]:
    """What every path has (templates.py)."""
    directory, _, name = nfc(path).rpartition("/")
    return path_fields(directory, matcher.split(name)[0])


def metadata_place(matcher: Matcher, asset: str, directory: str, name: str) -> Place | None:
    """The place of a file that is metadata by its name; None for all others."""
    lowered = name.lower()
    if lowered.endswith(SIDECAR_ENDINGS):
        return Place("", "", (), "metadata", "a metadata sidecar, by its name")
    if not directory and lowered in TABLE_NAMES and not matcher.lists(asset, matcher.split(name)[1]):
        return Place("", "", (), "metadata", "a metadata table, by its name")
    return None
