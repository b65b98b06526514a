"""A listing that comes in pieces, held against the ledger: flat memory however many files there are, in any order.

A piece is compared with the rows of its own names. That a file is missing shows only when all pieces were seen: of
each known file that one of them had, a bit is set, and at the end those without one are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synapse_sync.records import Directory
from synapse_sync.sources.reconcile import KnownRow
from synapse_sync.steps.work import Work

AFTER_SLASH = b"0"
"""The byte that follows "/": what is below a folder stands between FOLDER/ and FOLDER0."""


class Present:
    """A set of row ids that takes a bit for each row of the ledger: 125 KB for a million."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, ids: Iterable[int]) -> None:
        """Put ids in."""
        for row in ids:
            place = row >> 3
            if place >= len(self._bits):
                self._bits.extend(bytes(place - len(self._bits) + 4096))
            self._bits[place] |= 1 << (row & 7)

    def __contains__(self, row: int) -> bool:
        place = row >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (row & 7) & 1)


def known_in_piece(work: Work, asset: str, piece: Directory) -> dict[bytes, KnownRow]:
    """The rows of the files that a piece names, by name, for reconcile(): of the others nothing is concluded."""
    if not piece.files:
        return {}
    between = {"low": min(piece.files), "high": max(piece.files)}
    rows = work.ledger.tuples("known_between", feed=work.id, asset=asset, dir=piece.path, **between)
    return {row[0]: row[1:] for row in rows if row[0] in piece.files}


def known_as(work: Work, asset: str, path: bytes) -> Iterator[int]:
    """The row of a file."""
    directory, _, name = path.rpartition(b"/")
    for row in work.ledger.tuples("known_between", feed=work.id, asset=asset, dir=directory, low=name, high=name):
        yield row[1]


def known_at(work: Work, asset: str, path: bytes) -> Iterator[int]:
    """The row of a file, or those of all that is below it if it is a folder."""
    yield from known_as(work, asset, path)
    below = {"dir": path, "low": path + b"/", "high": path + AFTER_SLASH}
    for (file,) in work.ledger.tuples("present_below", feed=work.id, asset=asset, **below):
        yield file


def not_present(work: Work, asset: str, present: Present, began: float) -> Iterator[int]:
    """Files that no piece of a complete listing had, but for those that it was the first to show."""
    for (file,) in work.ledger.tuples("present_before", feed=work.id, asset=asset, began=began):
        if file not in present:
            yield file
