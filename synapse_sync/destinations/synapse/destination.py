"""Synapse as a destination: the parts of this package behind the interface of destinations/base.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any, BinaryIO, Literal

from synapse_sync.destinations.base import Api, Small
from synapse_sync.destinations.synapse import collection as collections
from synapse_sync.destinations.synapse import files, listing, storages, tasks
from synapse_sync.destinations.synapse import units as registration
from synapse_sync.destinations.synapse.discovery import speaks_v2
from synapse_sync.destinations.synapse.examination import SynapseExamination
from synapse_sync.destinations.synapse.http.adaptive import LARGE, SMALL, AdaptiveLimit
from synapse_sync.destinations.synapse.http.address import parse_address
from synapse_sync.destinations.synapse.http.errors import Gone
from synapse_sync.destinations.synapse.http.lanes import FixedRoom
from synapse_sync.destinations.synapse.http.streams import Streams
from synapse_sync.destinations.synapse.http.throttle import Throttle
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload.routes import Route, Routes
from synapse_sync.destinations.synapse.upload.storage import Storage
from synapse_sync.destinations.synapse.upload.unfinished import Pace
from synapse_sync.errors import CredentialsError, DestinationError, SourceError
from synapse_sync.records import (
    Collection,
    ContentRef,
    Digests,
    Learned,
    ListedUnit,
    OutgoingUnit,
    StorageSession,
    UnitOutcome,
    UploadProgress,
)

MIB = 1 << 20
_ALGORITHMS = {32: "md5", 40: "sha1"}
DIRECT_LIMIT = 50 * MIB
"""What production clients send whole (protocol §2.4)."""


class SynapseDestination:
    """One Synapse server, reached with one token and tenant; see Destination for what each method promises.

    Sizes in bytes, times in seconds. `read_timeout` is how long the server may be silent in a short call; uploads and
    registrations are given at least what they need. `token_again` reads the token anew from where it came. `workers`
    small files go side by side, and beside them as many larger bodies, or as many as help where `adaptive`; `bandwidth`
    says how many bytes a second may leave now. For `route`, `direct_limit` and `chunk_size` see Routes.
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
        adaptive: bool = False,
        bandwidth: Callable[[], int | None] | None = None,
        route: Route = "auto",
        direct_limit: int = DIRECT_LIMIT,
        chunk_size: int = 50 * MIB,
        pace: Pace | None = None,
        token_again: Callable[[], str] | None = None,
    ) -> None:
        address = parse_address(url)
        throttle = Throttle(bandwidth or (lambda: None))
        connections = LARGE.most if adaptive else workers
        streams = Streams(AdaptiveLimit(LARGE) if adaptive else FixedRoom(workers))
        self._options: dict[str, Any] | None = None
        if bandwidth is None:
            self._options = {
                "url": url, "tenant": tenant, "api": api, "checksum": checksum, "ca_bundle": ca_bundle,
                "connect_timeout": connect_timeout, "read_timeout": read_timeout, "workers": workers,
                "adaptive": adaptive, "route": route, "direct_limit": direct_limit, "chunk_size": chunk_size,
            }  # fmt: skip
        self.name = f"{address.host}|{tenant}"
        self._api = api
        self._checksum = checksum
        self._token_again = token_again
        self._lock = threading.Lock()
        self._learned = Learned()
        self._transport = Transport(
            address,
            token,
            tenant,
            ca_bundle=ca_bundle,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            connections=connections,
            throttle=throttle,
            streams=streams,
        )
        self._routes = Routes(
            self._transport,
            self,
            route=route,
            direct_limit=direct_limit,
            chunk_size=chunk_size,
            pace=pace or Pace(),
            storage=Storage(ca_bundle, connections, throttle, streams),
            room=AdaptiveLimit(SMALL) if adaptive else FixedRoom(workers),
            throttle=throttle,
        )

    @property
    def api(self) -> Api | Literal[""]:
        """The API that is configured, else the one that the server was found to speak."""
        return self._learned.api if self._api == "auto" else self._api

    @property
    def learned(self) -> Learned:
        """What the server has told of itself so far."""
        return self._learned

    @property
    def algorithm(self) -> Literal["md5", "sha1"]:
        """What contents are confirmed with: as configured, as the server answered, else what production sends (§3)."""
        if self._checksum != "auto":
            return self._checksum
        return self._learned.checksum or "sha1"

    def recall(self, learned: Learned) -> None:
        """Begin with what was learned earlier."""
        self._learned = learned

    def learn(self) -> None:
        """Ask which API the server speaks, where that must be known and isn't."""
        if not self.api:
            self.remember(api="v2" if speaks_v2(self._transport) else "v1")

    def remember(self, **told: str | float) -> None:
        """Keep what the server told: fields of Learned."""
        with self._lock:
            self._learned = replace(self._learned, **told)  # type: ignore[arg-type]

    def renew(self) -> bool:
        """Read the token again from where it came; whether it is another one now."""
        try:
            token = self._token_again() if self._token_again else self._transport.token
            if token == self._transport.token:
                return False
            self._transport.use(token)
        except CredentialsError:
            return False
        return True

    def check(self) -> None:
        """The server answers and accepts the token."""
        self.examination().account()

    def examination(self) -> SynapseExamination:
        """A look at the server for a person."""
        return SynapseExamination(self._transport, self._routes, self.api or "v1")

    def open(self, collection: int) -> Collection:
        """The collection's specs and meta schema, fetched now."""
        return collections.fetch(self._transport, self.api, collection)

    def storage(self, number: int) -> StorageSession:
        """How to read from one of the server's storages."""
        return storages.session(self._transport, number)

    def present(self, contents: Sequence[Digests]) -> dict[Digests, ContentRef]:
        """Which of these contents the server has; asked one by one through v2 where it offers nothing better."""
        usual: files.Lookup = self._learned.lookup or "verify_checksums"
        other: files.Lookup = "verify_checksums" if usual == "data-files" else "data-files"
        try:
            return files.present(self._transport, contents, self._checksum, usual, self._found)
        except Gone as gone:
            try:
                found = files.present(self._transport, contents, self._checksum, other, self._found)
            except Gone:
                raise gone from None
        self.remember(lookup=other)
        return found

    def may_know_by(self, algorithm: Literal["md5", "sha1"]) -> bool:
        """Whether it is configured to, has named contents by such checksums, or has named none yet."""
        if self._checksum != "auto":
            return self._checksum == algorithm
        known = {self._learned.checksum, self._learned.found_by} - {""}
        return not known or bool(known & {algorithm, "both"})

    def _found(self, checksums: Iterable[str]) -> None:
        """Remember what contents go by that the server has; several threads may be told at the same time."""
        told = {_ALGORITHMS.get(len(text), "") for text in checksums}
        with self._lock:
            kinds = (told | {self._learned.found_by}) - {""}
            if kinds:
                by: Any = "both" if len(kinds) > 1 else kinds.pop()
                self._learned = replace(self._learned, found_by=by)

    def put(
        self,
        collection: int,
        stream: BinaryIO,
        name: str,
        digests: Digests,
        resume: UploadProgress | None,
        progress: Callable[[UploadProgress, int], None],
    ) -> ContentRef:
        """Send one content by the route that suits it."""
        return self._routes.put(collection, stream, name, digests, resume, progress)

    @property
    def small(self) -> int:
        """Up to which size contents may go through put_small."""
        return self._routes.small

    def twin(self) -> Callable[[], SynapseDestination] | None:
        """What makes an equal one in another process; None where a limit of bandwidth counts for both together."""
        if self._options is None:
            return None
        return partial(_twin, {**self._options, "token": self._transport.token}, self._learned)

    def put_small(
        self,
        collection: int,
        contents: SimpleQueue[Small | None],
        done: Callable[[Small, ContentRef | SourceError | DestinationError], None],
        stopping: threading.Event,
    ) -> None:
        """Send many small contents side by side."""
        self._routes.put_small(collection, contents, done, stopping)

    def register(self, collection: int, units: Sequence[OutgoingUnit], api: Api) -> list[UnitOutcome]:
        """Create these units with one request; a refusal of one unit alone is its outcome."""
        return registration.register(self._transport, api, collection, units)

    def rehearse(self, collection: int, units: Sequence[OutgoingUnit]) -> bool:
        """Ask whether these units would be taken; v2 only."""
        if self.api == "v2":
            registration.rehearse(self._transport, collection, units)
        return self.api == "v2"

    def units(self, collection: int, api: Api, since: float | None = None) -> Iterator[Sequence[ListedUnit]]:
        """The units of a collection, page by page."""
        moment = None if since is None else since + self._transport.skew
        return listing.units(self._transport, api, collection, moment)

    def meta_of(self, unit_id: int) -> Mapping[str, Any] | None:
        """The meta of a registered unit as the server has it."""
        return registration.meta_of(self._transport, self.api, unit_id)

    def update_meta(self, unit_id: int, key: str, meta: Mapping[str, Any]) -> None:
        """Give a registered unit this meta instead of its own; v2 only."""
        registration.update_meta(self._transport, unit_id, key, meta)

    def create_tasks(self, project: int, collection: int, unit_ids: Sequence[int], api: Api) -> None:
        """One task per unit of the collection in the project."""
        tasks.create(self._transport, api, project, collection, unit_ids)

    def with_task(self, project: int) -> Iterator[Sequence[int]]:
        """The units that have a task in the project, page by page."""
        return listing.with_task(self._transport, project)

    def close(self) -> None:
        """Close connections."""
        self._routes.close()
        self._transport.close()


def _twin(options: Mapping[str, Any], learned: Learned) -> SynapseDestination:
    destination = SynapseDestination(**options)
    destination.recall(learned)
    return destination
