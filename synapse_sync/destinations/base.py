"""What every destination can do. Steps know this interface only: no URL, no token, no route."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol, TypeVar

from synapse_sync.errors import DestinationError, SourceError
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

Api = Literal["v1", "v2"]


class SmallContent(Protocol):
    """A content to be sent that is small enough to be held in memory."""

    @property
    def name(self) -> str:
        """The file name that goes with it."""

    @property
    def digests(self) -> Digests:
        """What it must turn out to be."""

    def read(self) -> bytes:
        """The bytes of the file as it is now; at most one more than expected. Raises SourceError."""


Small = TypeVar("Small", bound=SmallContent)
Outcome = ContentRef | SourceError | DestinationError
"""What became of a content that was to be sent."""


class Upload(NamedTuple):
    """How files would go up: by which route, and to which host that was reached ("": the server itself)."""

    route: Literal["direct", "chunked", "presigned"]
    host: str = ""


class Reached(NamedTuple):
    """A connection that was made: after how many seconds; how it is protected ("" for not at all), and until when (in
    seconds since the epoch) the certificate is valid.
    """

    seconds: float
    secured: str = ""
    valid_until: float = 0.0


class Project(NamedTuple):
    """A project's name, and the collection whose units it takes; None where that is not told."""

    name: str
    collection: int | None

    def misfit(self, collection: int) -> str:
        """Why units of this collection get no task in it, in words; "" where they do, or nobody can tell."""
        if self.collection in (None, collection):
            return ""
        return f"it takes units of data collection {self.collection}, not of {collection}"


class Examination(Protocol):
    """A look at a destination for a person, which changes nothing there. Methods raise DestinationErrors."""

    @property
    def proxy(self) -> str:
        """The proxy that calls go through, without its password; "" for none."""

    @property
    def skew(self) -> float | None:
        """Seconds that the destination's clock is ahead of ours, by its latest answer; None before there is one."""

    def reach(self) -> Reached:
        """Make a connection, not through a proxy. Raises Unreachable."""

    def account(self) -> str:
        """Who we are there, in words; "" where it does not tell. Raises Unreachable, TokenRefused."""

    def collections(self) -> Iterator[tuple[int, str]]:
        """Id and name of every collection that we may see."""

    def project(self, number: int) -> Project:
        """A project. Raises CollectionUnusable where it isn't there."""

    def storage(self) -> str:
        """The kind of storage behind it, in its own word; "" where it does not tell."""

    def storage_name(self, number: int) -> str:
        """What people call one of the server's storages; "" where that is not told."""

    def upload(self, collection: int) -> Upload:
        """How files for this collection would go up; where to, is reached. Raises DestinationError where it isn't."""


class Destination(Protocol):
    """Where units go. Every method raises DestinationError (errors.py) and nothing else of its own.

    Methods may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """Identity of the destination (host and tenant): contents and units are stored per destination."""

    @property
    def api(self) -> Api | Literal[""]:
        """Which API registrations go through, each intent records it; "" until the server was asked."""

    @property
    def learned(self) -> Learned:
        """What the server has told of itself so far."""

    def recall(self, learned: Learned) -> None:
        """Begin with what was learned earlier."""

    def learn(self) -> None:
        """Ask the server what must be known before anything is sent, where it isn't."""

    def renew(self) -> bool:
        """Read the token again from where it came; whether it is another one now. Raises nothing."""

    def check(self) -> None:
        """The server answers and accepts the token. Raises Unreachable or TokenRefused."""

    def examination(self) -> Examination:
        """A look at it for a person; learn() comes first."""

    def open(self, collection: int) -> Collection:
        """The collection's specs and meta schema, fetched now. Raises CollectionUnusable where it isn't there."""

    def storage(self, number: int) -> StorageSession:
        """How to read from one of the server's storages, asked for now. Raises StorageUnusable."""

    def present(self, contents: Sequence[Digests]) -> dict[Digests, ContentRef]:
        """Which of these contents the server has, and under which checksum (protocol §3). Any number at once.

        Those whose SHA-1 is not known are asked for by their MD5 alone.
        """

    def may_know_by(self, algorithm: Literal["md5", "sha1"]) -> bool:
        """Whether it has named contents by such checksums, or has named none yet."""

    def put(
        self,
        collection: int,
        stream: BinaryIO,
        name: str,
        digests: Digests,
        resume: UploadProgress | None,
        progress: Callable[[UploadProgress, int], None],
    ) -> ContentRef:
        """Send one content, meant for a unit of `collection`, from a seekable stream; the file name goes with it.

        progress(state, sent) is called after each acknowledged piece: state must be stored before the next piece is
        sent, sent counts bytes since the last call. A state without upload_id has nothing to go on from: on the direct
        route nothing need be stored, on the others what is stored must be forgotten.

        Raises ContentMismatch where the bytes sent or the server's checksum are not those of `digests`; OutcomeUnknown
        where the answer was lost (ask present() before sending again); FileUnreadable where the stream fails.
        """

    @property
    def small(self) -> int:
        """Bytes: contents up to this size may go through put_small; 0 where none may."""

    def twin(self) -> Callable[[], Destination] | None:
        """What makes an equal one in another process: it can be pickled, and holds the token.

        None where the two would have to share a bandwidth limit.
        """

    def put_small(
        self,
        collection: int,
        contents: SimpleQueue[Small | None],
        done: Callable[[Small, Outcome], None],
        stopping: threading.Event,
    ) -> None:
        """Send many small contents side by side, all in the calling thread; a None in the queue ends it.

        done(content, outcome) is called as each ends, with what put() would have returned or raised, or the SourceError
        of its read(). Nothing is repeated here either. Once `stopping` is set contents may be dropped, for which done
        is never called, and it ends soon.
        """

    def register(self, collection: int, units: Sequence[OutgoingUnit], api: Api) -> list[UnitOutcome]:
        """Create these units (at most one batch) with one request; one outcome per unit, in order.

        Through v2 the same units may be sent again: those that are there are found again, not made anew.

        A request that the server refused as a whole raises Rejected and has changed nothing; one whose answer was lost
        raises OutcomeUnknown. An answer that can't be matched to a unit makes that unit's outcome unknown.
        """

    def rehearse(self, collection: int, units: Sequence[OutgoingUnit]) -> bool:
        """Ask whether these units (at most a batch) would be taken, changing nothing; False where that can't be asked.

        Raises Rejected with the server's words where they would not.
        """

    def units(self, collection: int, api: Api, since: float | None = None) -> Iterator[Sequence[ListedUnit]]:
        """The units of a collection, page by page: all of them, or at least those made after `since`.

        since: seconds since the epoch by our clock. Raises Busy where the list changed so that some may be missing.
        """

    def meta_of(self, unit_id: int) -> Mapping[str, Any] | None:
        """The meta of a registered unit as the destination has it; None where it doesn't tell."""

    def update_meta(self, unit_id: int, key: str, meta: Mapping[str, Any]) -> None:
        """Give a registered unit this meta instead of its own. Raises Rejected; the same may be sent again."""

    def create_tasks(self, project: int, collection: int, unit_ids: Sequence[int], api: Api) -> None:
        """One task per unit in the project. Raises Rejected, or OutcomeUnknown where the answer was lost.

        Through v2 the same may be asked again: units that have a task are skipped.
        """

    def with_task(self, project: int) -> Iterator[Sequence[int]]:
        """The units that have a task in the project, page by page. Raises as units() does."""

    def close(self) -> None:
        """Close connections; the object is not used afterwards."""
