"""A content on its way: what it must turn out to be, and the file that it is read from."""

from __future__ import annotations

import os.path
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from synapse_sync.ledger import Row
from synapse_sync.records import Digests, Observation
from synapse_sync.sending_process import whole
from synapse_sync.sources.base import Source
from synapse_sync.steps.rows import observation, raw_path, shown_path


@dataclass(frozen=True)
class Sending:
    """A content on its way, and the file that it is read from. A SmallContent of destinations/base.py if by_lane."""

    content: Row
    file: Row
    source: Source
    by_lane: bool

    @cached_property
    def name(self) -> str:
        """The file's name, as the server is told it."""
        return os.path.basename(shown_path(self.file))

    @cached_property
    def digests(self) -> Digests:
        """What it must turn out to be."""
        return Digests(self.content["md5"], self.content["sha1"], self.content["size"])

    @property
    def place(self) -> tuple[str, bytes, Observation]:
        """Where the file is: asset, path, and what it was observed to be."""
        return self.file["asset"], raw_path(self.file), observation(self.file)

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """The file, as it was observed."""
        return self.source.open_observed(*self.place[1:])

    def read(self) -> bytes:
        """All of it, and a byte more if it has grown."""
        return whole(self.opened(), self.digests.size)
