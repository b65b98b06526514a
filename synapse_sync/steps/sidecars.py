"""Finds, reads and keeps the sidecars of the units that are being described."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from synapse_sync.errors import FileChanged, SourceError, SourceUnavailable
from synapse_sync.grouping.names import nfc
from synapse_sync.ledger import Row, Transaction
from synapse_sync.metadata import sidecars
from synapse_sync.metadata.merge import Layer, layer
from synapse_sync.shown import joined
from synapse_sync.states import FileState
from synapse_sync.steps.rows import observation, raw_path, shown_path
from synapse_sync.steps.work import Work

KEPT = 1000  # sidecars and folders that are remembered while a batch is described


class NotYet(Exception):
    """A sidecar is still settling, or changes right now: its unit waits for it."""


class Unfit(Exception):
    """A unit's sidecar or row can't be told or says nothing that could be meta; the message is for a person."""


class Sidecars:
    """The sidecars of one batch of units, each read once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._values: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._folders: OrderedDict[tuple[str, bytes], list[Row]] = OrderedDict()

    def layers(self, files: Mapping[str, Row]) -> Iterator[Layer]:
        """What the sidecars of these files (by spec) say, the weakest first. Raises NotYet or Unfit."""
        told: set[int] = set()
        for row in [*self._of_folders(files), *self._of_files(files)]:
            if row["id"] not in told:
                told.add(row["id"])
                yield layer(self._read(row), f"sidecar {shown_path(row)}")

    def _of_folders(self, files: Mapping[str, Row]) -> list[Row]:
        places = {(file["asset"], folder) for file in files.values() for folder in _folders(bytes(file["dir"]))}
        in_order = sorted(places, key=lambda place: (place[1].count(b"/") + bool(place[1]), place))
        return [row for asset, folder in in_order for row in self._of_folder(asset, folder)]

    def _of_folder(self, asset: str, folder: bytes) -> list[Row]:
        found = self._folders.get((asset, folder))
        if found is None:
            found = self._folders[asset, folder] = self._named(asset, folder, sidecars.of_folder())
            if len(self._folders) > KEPT:
                self._folders.popitem(last=False)
        return found

    def _of_files(self, files: Mapping[str, Row]) -> Iterator[Row]:
        assert self._work.layout is not None
        for file in files.values():
            name = nfc(shown_path(file).rpartition("/")[2])
            stem = self._work.layout.fields(shown_path(file))["stem"]
            yield from self._named(file["asset"], bytes(file["dir"]), sidecars.beside(name, stem))

    def _named(self, asset: str, folder: bytes, names: list[str]) -> list[Row]:
        """The files of these names in a folder, in the order of the names, whatever their case and Unicode form."""
        place = {"feed": self._work.id, "asset": asset, "dir": folder}
        wanted = list(dict.fromkeys(map(sidecars.folded, names)))
        found: dict[str, list[Row]] = {}
        for row in self._work.ledger.query("files_named", **place, names=wanted):
            found.setdefault(row["sidecar"], []).append(row)
        return [row for name in wanted for row in sorted(found.get(name, ()), key=lambda row: bytes(row["name"]))]

    def _read(self, row: Row) -> dict[str, Any]:
        if row["state"] != FileState.METADATA:
            raise NotYet
        values = self._values.get(row["id"])
        if values is None:
            values = self._values[row["id"]] = self._parsed(row)
            if len(self._values) > KEPT:
                self._values.popitem(last=False)
        return values

    def _parsed(self, row: Row) -> dict[str, Any]:
        try:
            with self._work.sources[row["asset"]].open_observed(raw_path(row), observation(row)) as stream:
                content = stream.read(sidecars.LARGEST + 1)
            return sidecars.parse(shown_path(row), content)
        except FileChanged:
            raise NotYet from None
        except SourceUnavailable:
            raise
        except (SourceError, ValueError) as error:
            raise Unfit(f"its sidecar {shown_path(row)} {error}") from None


def describe_again(work: Work, transaction: Transaction, files: Iterable[Row | Mapping[str, Any]]) -> None:
    """Sidecars came, changed or went (rows with asset, dir and name): the units that they speak of are described anew.

    What turned out to be no sidecar is among them: a unit may have waited to know that.
    """
    if not work.feed.metadata.sidecar:
        return
    stamp = work.stamp(transaction)
    for file in files:
        folder, name = bytes(file["dir"]), bytes(file["name"])
        place = {"feed": work.id, "asset": file["asset"], "dir": folder}
        shown = name.decode(errors="replace").lower()
        if shown in sidecars.of_folder():
            first, end = (folder + b"/", folder + b"0") if folder else (b"", b"\xff" * 8)
            transaction.run("describe_again_below", **place, first=first, end=end, **stamp)
            transaction.run("doubt_meta_below", **place, first=first, end=end)
        elif shown.endswith(sidecars.ENDINGS) and not _is_plain(name):
            # Its target may be written in another case or Unicode form: all in the folder are described anew.
            whole = {"first": folder + b"/\xff", "end": folder + b"/\xff"}
            transaction.run("describe_again_below", **place, **whole, **stamp)
            transaction.run("doubt_meta_below", **place, **whole)
        elif shown.endswith(sidecars.ENDINGS):
            base = name[: name.rfind(b".")]
            base = base[:-5] if base.lower().endswith(b".meta") else base
            # Names that begin with the base and a dot, and few others: what sorts before "/".
            transaction.run("describe_again_beside", **place, first=base, end=base + b"/", **stamp)
            transaction.run("doubt_meta_beside", **place, first=base, end=base + b"/")


def _is_plain(name: bytes) -> bool:
    return name.isascii() and name == name.lower()


def _folders(directory: bytes) -> Iterator[bytes]:
    """A directory and those above it, from the root down."""
    folder = b""
    yield folder
    for part in directory.split(b"/") if directory else []:
        folder = joined(folder, part)
        yield folder
