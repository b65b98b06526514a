"""A feed at work: what its steps share during one run, and the run's account of itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from synapse_sync.config import AssetRoot, Config, Feed
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import SynapseSyncError
from synapse_sync.grouping.places import Layout
from synapse_sync.ledger import Ledger, Transaction
from synapse_sync.records import Collection, Look, Looked
from synapse_sync.sources.base import Source
from synapse_sync.sources.readers import Readers
from synapse_sync.sources.spool import Spool
from synapse_sync.steps.awaited import Awaited
from synapse_sync.steps.pool import InFlight
from synapse_sync.steps.sender import Sender
from synapse_sync.steps.table_state import Table
from synapse_sync.steps.tasked import Tasked
from synapse_sync.steps.together import Together

MOST_PROBLEMS = 50  # of a run that are kept and shown; thousands of files may fail for one reason each


class Ended(Exception):
    """The run was asked to end: what is under way is recorded, and the next run goes on."""


class Run:
    """One pass over a feed. Its row is written with the first change: a run that changes nothing writes nothing."""

    def __init__(self, feed: int, *, clock: Callable[[], float], watch: Callable[[str, int], None]) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[SynapseSyncError] = []
        self._words: set[str] = set()
        self._left_out = 0
        self._counted: set[tuple[str, int]] = set()
        self.started_at = clock()
        self._feed = feed
        self._clock = clock
        self._watch = watch
        self._id: int | None = None
        self._lock = threading.Lock()

    @property
    def changed(self) -> bool:
        """Whether it has moved anything in the ledger."""
        return self._id is not None

    def another(self) -> Run:
        """The feed's next run."""
        return Run(self._feed, clock=self._clock, watch=self._watch)

    def count(self, name: str, amount: int = 1) -> None:
        """Add to one of the run's figures; may be called from any thread."""
        with self._lock:
            self.counts[name] += amount
        self._watch(name, amount)

    def measure(self, name: str, amount: int) -> None:
        """Set one of the run's figures: what the latest listing counted."""
        self.count(name, amount - self.counts[name])

    def count_once(self, name: str, row: int) -> None:
        """Count a row, however often it is told."""
        if (name, row) not in self._counted:
            self._counted.add((name, row))
            self.count(name)

    def problem(self, error: SynapseSyncError) -> None:
        """Keep an error for the run's account; the same words are kept once, and no more than MOST_PROBLEMS."""
        words = str(error)
        with self._lock:
            if words in self._words:
                return
            if len(self.problems) < MOST_PROBLEMS:
                self._words.add(words)
                self.problems.append(error)
            else:
                self._left_out += 1

    def told(self) -> list[str]:
        """The problems in words, and how many more there were."""
        more = [f"and {self._left_out:,} more"] if self._left_out else []
        return [*map(str, self.problems), *more]

    def id(self, transaction: Transaction) -> int:
        """The run's row, made now if this is its first change."""
        if self._id is None:
            self._id = transaction.one("add_run", feed=self._feed, at=self.started_at)["id"]
        return self._id

    def finish(self, ledger: Ledger, known: Container[str]) -> None:
        """Write the run's figures, if it changed anything or met a problem whose sign is not known yet."""
        if self._id is None and all(problem.sign in known for problem in self.problems):
            return
        with ledger.write() as transaction:
            transaction.run(
                "finish_run",
                id=self.id(transaction),
                at=self._clock(),
                counts=dict(self.counts),
                problems=self.told(),
            )


@dataclass
class Work:
    """Everything a step needs of its feed.

    looked: the listings of this run that completed; left_open: those (asset, when) after which only files that programs
    have open for writing were left to settle. descends: told what of an asset is listed now, it gives what
    Source.listing asks before it enters a folder. patient: whether optional files are waited for (the daemon) or what
    is there is taken as all there is (`once`, `plan`). settings: fingerprint of what decides what a file becomes.
    at_once: files are taken as they are now, whenever they changed (`plan`).
    trust_filters: the filters are those that the ledger's files passed. collection_stale: it is to be fetched again
    before the next decision. stop: set when the run is asked to end; ending: this feed's uploads are being ended.
    between: called between pieces of work, for what others want done then; progressed: called whenever it gets on.
    is_astray: whether the sources are not where they are to be found now, so that the feed is to be put to work anew.
    doing: the step that is at work. table_root: where a table with a relative path lies, unless that is the first root
    and a folder here. table: the feed's metadata table (steps/tables.py). unseen: the server does not
    show the collection's units, and is not asked again in this run. tasked: the project's tasks as last looked through.
    spool: where remote contents that were read wait for being sent. verification, registration: the request of that
    step, while it is under way. sender: a process that was started and serves nobody yet.
    """

    config: Config
    feed: Feed
    id: int
    ledger: Ledger
    sources: Mapping[str, Source]
    destination: Destination
    run: Run
    patient: bool
    settings: str
    uploads: InFlight[Any, Any]
    readers: Readers
    spool: Spool
    at_once: bool = False
    trust_filters: bool = True
    collection_stale: bool = True
    collection_fetched_at: float = 0.0
    layout: Layout | None = None
    known_collection: Collection | None = None
    uploads_recorded_at: float = 0.0
    registered_at: float = 0.0
    bereft_asked_at: float = 0.0
    unseen: bool = False
    tasked: Tasked | None = None
    sender: Sender | None = None
    table_root: AssetRoot | None = None
    table: Table = field(default_factory=Table)
    together: Together = field(default_factory=Together)
    doing: str = ""
    descends: Callable[[str, Look], Callable[[bytes], bool] | None] = lambda _asset, _look: None
    is_astray: Callable[[], bool] = lambda: False
    between: Callable[[], None] = lambda: None
    progressed: Callable[[], None] = lambda: None
    stop: threading.Event = field(default_factory=threading.Event)
    ending: threading.Event = field(default_factory=threading.Event)
    looked: list[Looked] = field(default_factory=list)
    left_open: set[tuple[str, float]] = field(default_factory=set)
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.verification = Awaited("verify", self.uploads.wake)
        self.registration = Awaited("register", self.uploads.wake)

    def concluded(self) -> int:
        """How many rows moved on by answers that were awaited. Raises what concluding them raises."""
        return self.verification.conclude() + self.registration.conclude()

    def going(self) -> None:
        """Called between pieces of work, where others may change any row. Raises Ended where the run is to end."""
        self.between()
        self.heard()

    def heard(self) -> None:
        """Called in the midst of a piece of work. Raises Ended where the run is to end."""
        self.progressed()
        if self.stop.is_set():
            raise Ended

    def settle(self, asset: str) -> float:
        """Seconds for which this asset's files must not have changed."""
        source = self.sources.get(asset)
        return self.certain(source.certain_after if source else 0.0)

    def certain(self, after: float) -> float:
        """Seconds for which what is certain `after` some must not have changed."""
        return 0.0 if self.at_once else max(self.feed.settle, after)

    @property
    def longest_settle(self) -> float:
        """The longest of them."""
        return max(map(self.settle, self.sources), default=self.feed.settle)

    @property
    def in_storages(self) -> set[str]:
        """The assets whose root the server tells of."""
        return {asset for asset, root in self.feed.asset_roots().items() if root.storage is not None}

    @property
    def collection(self) -> Collection:
        """The collection as last fetched. Steps that need it run only once it is known."""
        if self.known_collection is None:
            raise LookupError(f"feed {self.feed.name}: its collection was never fetched")
        return self.known_collection

    @property
    def place(self) -> dict[str, str | int]:
        """Where the feed's units go: the parameters of statements about one collection."""
        return {"destination": self.destination.name, "collection": self.feed.data_collection}

    def stamp(self, transaction: Transaction) -> dict[str, float | int]:
        """When and by which run a row is moved: the parameters that every moving statement takes."""
        return {"now": self.clock(), "run": self.run.id(transaction)}
