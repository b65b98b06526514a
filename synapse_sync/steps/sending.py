"""A content on its way: what it must turn out to be, and the file that it is read from."""

from __future__ import annotations

import os.path
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from synapse_sync.errors import SourceError
from synapse_sync.ledger import Row
from synapse_sync.records import Digests, Observation
from synapse_sync.sending_process import whole
from synapse_sync.sources.base import Source
from synapse_sync.sources.spool import Kept
from synapse_sync.steps.rows import observation, raw_path, shown_path


def digests_of(content: Row) -> Digests:
    """What a row of contents is known by."""
    return Digests(content["md5"], content["sha1"], content["size"])


@dataclass(frozen=True)
class Sending:
    """A content on its way, and the file that it is read from. A SmallContent of destinations/base.py if by_lane.

    kept: where its bytes are in the spool.
    """

    content: Row
    file: Row
    source: Source
    by_lane: bool
    kept: Kept | None = None

    @cached_property
    def name(self) -> str:
        """The file's name, as the server is told it."""
        return os.path.basename(shown_path(self.file))

    @cached_property
    def digests(self) -> Digests:
        """What it must turn out to be."""
        return digests_of(self.content)

    @property
    def place(self) -> tuple[str, bytes, Observation]:
        """Where the file is: asset, path, and what it was observed to be."""
        return self.file["asset"], raw_path(self.file), observation(self.file)

    @property
    def comes_from_afar(self) -> bool:
        """Whether it has to be read over the network."""
        return self.source.remote and self.kept is None

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """What was kept of it, or the file, as it was observed."""
        if self.kept is not None:
            try:
                return self.kept.opened()
            except SourceError:  # somebody was at the spool: it is read from where it came
                self.kept.let_go(free=True)
        return self.source.open_observed(*self.place[1:])

    def let_go(self, *, free: bool = False) -> None:
        """It is not sent any more; free: nor will it be from what was kept."""
        if self.kept is not None:
            self.kept.let_go(free=free)

    def read(self) -> bytes:
        """All of it, and a byte more if it has grown."""
        return whole(self.opened(), self.digests.size)
