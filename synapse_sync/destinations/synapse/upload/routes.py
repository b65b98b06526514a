"""Which way a content goes up (protocol §4.1), and the things that the routes share.

    route         what it takes                                             where
    direct        one POST; empty files always go this way                  direct.py
    chunked       pieces that survive a restart                             chunked.py
    presigned     one PUT or several parts, straight to the storage         presigned_upload.py, presigned_small.py

"auto" takes presigned URLs where the server issues them, else direct up to a limit and chunked above it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, BinaryIO, Literal, Protocol

from synapse_sync.destinations.base import Api, Small, Upload
from synapse_sync.destinations.synapse.http.calls import UPLOAD
from synapse_sync.destinations.synapse.http.connect import Connector
from synapse_sync.destinations.synapse.http.lanes import Lanes, Room
from synapse_sync.destinations.synapse.http.throttle import Throttle
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload import direct
from synapse_sync.destinations.synapse.upload.chunked import ChunkedUpload
from synapse_sync.destinations.synapse.upload.content import Content
from synapse_sync.destinations.synapse.upload.presigned import Presigned
from synapse_sync.destinations.synapse.upload.presigned_small import SmallUploads
from synapse_sync.destinations.synapse.upload.presigned_upload import PresignedUpload
from synapse_sync.destinations.synapse.upload.storage import PUT, Storage, target_of
from synapse_sync.destinations.synapse.upload.unfinished import Pace
from synapse_sync.errors import Busy, DestinationError, SourceError
from synapse_sync.records import ContentRef, Digests, Learned, UploadProgress

Route = Literal["auto", "direct", "chunked", "presigned"]
Done = Callable[[Small, ContentRef | SourceError | DestinationError], None]

SMALL = 256 << 10
"""Bytes: up to here a file goes through a lane, held in memory; a larger one is worth a thread of its own."""


class Knowing(Protocol):
    """What the routes ask of the destination that they belong to, and tell it."""

    @property
    def api(self) -> Api | Literal[""]:
        """What registrations go through."""

    @property
    def learned(self) -> Learned:
        """What the server has told."""

    @property
    def algorithm(self) -> Literal["md5", "sha1"]:
        """What contents are confirmed with."""

    def remember(self, **told: str | float) -> None:
        """Keep fields of Learned."""


class Routes:
    """The ways to one server. With "auto", files over `direct_limit` bytes go in chunks of `chunk_size`."""

    def __init__(
        self,
        transport: Transport,
        destination: Knowing,
        *,
        route: Route,
        direct_limit: int,
        chunk_size: int,
        pace: Pace,
        storage: Storage,
        room: Room,
        throttle: Throttle,
    ) -> None:
        self._transport = transport
        self._destination = destination
        self._route = route
        self._direct_limit, self._chunk_size = direct_limit, chunk_size
        self._pace = pace
        self._storage = storage
        self._room = room
        self._throttle = throttle
        self._asking = threading.Lock()

    def put(
        self,
        collection: int,
        stream: BinaryIO,
        name: str,
        digests: Digests,
        resume: UploadProgress | None,
        progress: Callable[[UploadProgress, int], None],
    ) -> ContentRef:
        """Send one content; on the direct route it is one piece, whose progress has no upload_id to keep.

        An upload that was begun goes on by the route that it began with.
        """
        begun = resume.route if resume is not None and resume.upload_id else None
        if begun == "presigned" and not self._offered(collection):
            begun = None
        route = begun or self._chosen(collection, digests.size)
        if route == "presigned":
            presigned = self._presigned(collection)
            upload = PresignedUpload(
                presigned, self._storage, stream, name, digests, progress, self._destination.algorithm
            )
            reference = upload.run(resume if begun else None)
            self._learn(reference)
        elif route == "chunked":
            content = Content(stream, name, digests)
            chunked = ChunkedUpload(self._transport, content, self._chunk_size, progress, self._pace)
            reference = chunked.run(resume if begun else None)
        else:
            reference = direct.upload(self._transport, Content(stream, name, digests))
            progress(UploadProgress("direct", offset=digests.size), digests.size)
        return reference

    @property
    def small(self) -> int:
        """Up to which size contents may go through put_small; not at all through a proxy, which has no lanes."""
        if self._route == "chunked" or not self._transport.has_lanes:
            return 0
        return SMALL if self._route in ("direct", "presigned") else min(SMALL, self._direct_limit)

    def put_small(
        self, collection: int, contents: SimpleQueue[Small | None], done: Done[Small], stopping: threading.Event
    ) -> None:
        """Send many small contents, as many side by side as there are workers."""

        def confirmed(small: Small, outcome: ContentRef | SourceError | DestinationError) -> None:
            if isinstance(outcome, ContentRef):
                self._learn(outcome)
            done(small, outcome)

        route = self._chosen_for_small(collection, contents, done)
        if route is None:
            return
        if route == "presigned":
            lanes: Lanes[Any] = Lanes(self._connect, self._room, self._throttle, PUT)
            sending = SmallUploads(
                self._presigned(collection), self._storage, lanes, confirmed, self._destination.algorithm
            )
            sending.run(contents, stopping)
        else:
            lanes = self._transport.lanes(self._room, UPLOAD)
            direct.upload_small(self._transport, lanes, contents, done, stopping)

    def tried(self, collection: int) -> Upload:
        """How a small file would go up; the storage that a presigned URL leads to is connected to, nothing is sent."""
        route = self._chosen(collection, 1)
        if route != "presigned":
            return Upload("chunked" if route == "chunked" else "direct")
        (place,) = self._presigned(collection).issue([("probe.bin", 1)])
        if isinstance(place, DestinationError):
            raise place
        url = place.url or place.parts[1]
        origin, host, _ = target_of(url, "reach the storage")
        if self._storage.has_lanes(url):
            self._connect(origin).close()
        return Upload("presigned", host)

    def close(self) -> None:
        """Close the connections to storages."""
        self._storage.close()

    def _chosen(self, collection: int, size: int) -> Route:
        """The route of a content that was not begun yet. Raises DestinationError where the server must be asked."""
        if size == 0:
            return "direct"
        if self._route in ("direct", "chunked"):
            return self._route
        if self._offered(collection):
            return "presigned"
        if self._route == "presigned":
            raise Busy("the server issues no presigned URLs", hint='write route = "auto" below [upload]')
        return "direct" if size <= self._direct_limit else "chunked"

    def _chosen_for_small(
        self, collection: int, contents: SimpleQueue[Small | None], done: Done[Small]
    ) -> Route | None:
        """The route of small contents; each failure to learn it fails one of them, None where no more come."""
        while True:
            try:
                return self._chosen(collection, SMALL)
            except DestinationError as error:
                small = contents.get()
                if small is None:
                    return None
                done(small, error)

    def _offered(self, collection: int) -> bool:
        """Whether the server issues presigned URLs: asked once, through the API of registrations first.

        A no that is not the server's own word counts for now only.
        """
        with self._asking:
            if not self._destination.learned.presigned:
                apis: tuple[Api, ...] = ("v2", "v1") if self._destination.api == "v2" else ("v1",)
                answers: list[bool | None] = []
                for api in apis:
                    answers.append(Presigned(self._transport, api, collection).offered())
                    if answers[-1]:
                        self._destination.remember(presigned=api)
                        return True
                if None in answers:
                    return False
                self._destination.remember(presigned="no", refused_at=time.time())
            return self._destination.learned.presigned != "no"

    def _presigned(self, collection: int) -> Presigned:
        api: Api = "v2" if self._destination.learned.presigned == "v2" else "v1"
        return Presigned(self._transport, api, collection, lambda: self._destination.remember(presigned=""))

    def _connect(self, origin: str) -> socket.socket:
        return Connector(origin, lambda: self._storage.tls).connect(PUT.stall)

    def _learn(self, reference: ContentRef) -> None:
        """Remember what algorithm names contents that were confirmed: on other routes it may differ (protocol §3)."""
        algorithm = {32: "md5", 40: "sha1"}.get(len(reference.checksum))
        if algorithm is not None and algorithm != self._destination.learned.checksum:
            self._destination.remember(checksum=algorithm)
