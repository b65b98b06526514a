"""The file as grouping sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One present file: id is the ledger's, asset is "" in a single-path feed, size is in bytes.

    path is relative to the root of the feed or asset, as it was listed (not normalised): it is what a person reads.
    kinds: extensions by its content, the likeliest first, where its name says nothing. accepted: a person said that it
    goes as it is.
    """

    id: int
    asset: str
    path: str
    size: int
    mtime_ns: int
    kinds: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it yet, as far as anybody said."""
        return not self.size and not self.accepted
