"""Files that are metadata because the feed's config makes them so: sidecars and the table that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synapse_sync.grouping.names import TABLE_NAMES, nfc
from synapse_sync.grouping.places import Layout, Place

_SIDECAR_EXTENSIONS = (".json", ".yaml", ".yml")
_OF_A_FOLDER = frozenset(f"meta{extension}" for extension in _SIDECAR_EXTENSIONS)


@dataclass(frozen=True, slots=True)
class MetadataFiles:
    """sidecars: whether they are read. table: path of the feed's table below its root, "" where it lies elsewhere."""

    sidecars: bool = False
    table: str = ""


class WithMetadata:
    """A layout in which such files stand aside as metadata. Implements places.Layout."""

    def __init__(self, layout: Layout, files: MetadataFiles) -> None:
        self._layout = layout
        self._files = files

    def place(self, asset: str, path: str, kinds: Sequence[str] = ()) -> Place:
        """See places.Layout."""
        if self._files.table and nfc(path) == nfc(self._files.table):
            return Place("", "", (), "metadata", "the feed's metadata table")
        name = path.rpartition("/")[2].lower()
        if self._files.sidecars and name in _OF_A_FOLDER:
            return Place("", "", (), "metadata", "a metadata sidecar of its folder, by its name")
        place = self._layout.place(asset, path, kinds)
        if place.aside != "unmatched":
            return place
        if path.lower() in TABLE_NAMES:
            return Place("", "", (), "metadata", "a metadata table, by its name, which no unit takes")
        if self._files.sidecars and name.endswith(_SIDECAR_EXTENSIONS):
            return Place("", "", (), "metadata", "a metadata sidecar: no specification takes it")
        return place

    def fields(self, path: str) -> dict[str, str]:
        """See places.Layout."""
        return self._layout.fields(path)
