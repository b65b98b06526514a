"""Synapse as a destination: the parts of this package behind the interface of destinations/base.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, BinaryIO, Literal

from synapse_sync.destinations.base import Small
from synapse_sync.destinations.synapse import collection as collections
from synapse_sync.destinations.synapse import direct, files, tasks
from synapse_sync.destinations.synapse import units as registration
from synapse_sync.destinations.synapse.address import parse_address
from synapse_sync.destinations.synapse.chunked import ChunkedUpload
from synapse_sync.destinations.synapse.content import Content
from synapse_sync.destinations.synapse.transport import Transport
from synapse_sync.destinations.synapse.unfinished import Pace
from synapse_sync.errors import DestinationError, SourceError, TokenRefused
from synapse_sync.records import Collection, ContentRef, Digests, OutgoingUnit, UnitOutcome, UploadProgress

MIB = 1 << 20
SMALL = 256 << 10
"""Bytes: up to here a file goes through a lane, held in memory; a larger one is worth a thread of its own."""


class SynapseDestination:
    """One Synapse server, reached with one token and tenant; see Destination for what each method promises.

    Sizes in bytes, times in seconds. Files over `direct_limit` go up in chunks of `chunk_size`. `read_timeout` is how
    long the server may be silent in a short call; uploads and registrations are given at least what they need.
    """

    def __init__(
        self,
        url: str,
        token: str,
        tenant: str = "",
        *,
        api: Literal["auto", "v1", "v2"] = "auto",
        checksum: files.Checksum = "auto",
        ca_bundle: str | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 15.0,
        workers: int = 8,
        direct_limit: int = 50 * MIB,
        chunk_size: int = 50 * MIB,
        pace: Pace | None = None,
    ) -> None:
        address = parse_address(url)
        self.name = f"{address.host}|{tenant}"
        self.api = "v1" if api == "auto" else api
        self._checksum = checksum
        self._direct_limit, self._chunk_size = direct_limit, chunk_size
        self._pace = pace or Pace()
        self._lanes = workers
        self._transport = Transport(
            address,
            token,
            tenant,
            ca_bundle=ca_bundle,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            workers=workers,
        )

    def check(self) -> None:
        """The server answers and accepts the token; where it tells no user, listing collections is as good."""
        doing = "use the server with this token"
        try:
            self._transport.call("GET", "users/me/", doing)
        except DestinationError as refused:
            if refused.status != 404 and not (isinstance(refused, TokenRefused) and refused.status == 403):
                raise
            self._transport.call("GET", "data_collections/", doing, query={"page_size": 1})

    def open(self, collection: int) -> Collection:
        """The collection's specs and meta schema, fetched now."""
        return collections.fetch(self._transport, self.api, collection)

    def present(self, contents: Sequence[Digests]) -> dict[Digests, ContentRef]:
        """Which of these contents the server has."""
        return files.present(self._transport, contents, self._checksum)

    def put(
        self,
        stream: BinaryIO,
        name: str,
        digests: Digests,
        resume: UploadProgress | None,
        progress: Callable[[UploadProgress, int], None],
    ) -> ContentRef:
        """Send one content; on the direct route it is one piece, whose progress has no upload_id to keep."""
        content = Content(stream, name, digests)
        resumable = resume is not None and resume.route == "chunked" and resume.upload_id
        if resumable or digests.size > self._direct_limit:
            return ChunkedUpload(self._transport, content, self._chunk_size, progress, self._pace).run(
                resume if resumable else None
            )
        reference = direct.upload(self._transport, content)
        progress(UploadProgress("direct", offset=digests.size), digests.size)
        return reference

    @property
    def small(self) -> int:
        """Up to which size contents may go through put_small; not at all through a proxy, which has no lanes."""
        return min(SMALL, self._direct_limit) if self._transport.has_lanes else 0

    def put_small(
        self,
        contents: SimpleQueue[Small | None],
        done: Callable[[Small, ContentRef | SourceError | DestinationError], None],
        stopping: threading.Event,
    ) -> None:
        """Send many small contents by the direct route, as many side by side as there are workers."""
        direct.upload_small(self._transport, self._lanes, contents, done, stopping)

    def register(self, collection: int, units: Sequence[OutgoingUnit]) -> list[UnitOutcome]:
        """Create these units with one request; a refusal of one unit alone is its outcome."""
        return registration.register(self._transport, self.api, collection, units)

    def rehearse(self, collection: int, units: Sequence[OutgoingUnit]) -> bool:
        """Ask whether these units would be taken; v2 only."""
        if self.api == "v2":
            registration.rehearse(self._transport, collection, units)
        return self.api == "v2"

    def meta_of(self, unit_id: int) -> Mapping[str, Any] | None:
        """The meta of a registered unit as the server has it."""
        return registration.meta_of(self._transport, self.api, unit_id)

    def update_meta(self, unit_id: int, key: str, meta: Mapping[str, Any]) -> None:
        """Give a registered unit this meta instead of its own; v2 only."""
        registration.update_meta(self._transport, unit_id, key, meta)

    def create_tasks(self, project: int, collection: int, unit_ids: Sequence[int]) -> None:
        """One task per unit of the collection in the project."""
        tasks.create(self._transport, self.api, project, collection, unit_ids)

    def close(self) -> None:
        """Close connections."""
        self._transport.close()
