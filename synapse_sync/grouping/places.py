"""What all layouts share: the choice that a feed makes, a file's place, and what a path's parts are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from synapse_sync.grouping.matching import Evidence, Matcher
from synapse_sync.grouping.names import SIDECAR_ENDINGS, TABLE_NAMES, nfc
from synapse_sync.templates import path_fields

DIRECTORIES_REMEMBERED = 4096
"""Listings come directory by directory, so a few suffice; trees have millions."""


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
