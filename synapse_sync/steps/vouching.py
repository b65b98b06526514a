"""How far sources are believed that vouch for contents: only where everything that was read of them proved them right.

An MD5 that is only vouched for is used for one thing: to ask the server whether it has the content. Enough files of a
source are read first, whatever they turn out to be; each one that is read later is compared as well; and after the
first that is not what was vouched for the source is never believed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from synapse_sync.errors import SourceError
from synapse_sync.ledger import Row, Transaction
from synapse_sync.metadata.automatic import SYNC_KEY
from synapse_sync.metadata.schema import allows
from synapse_sync.records import Digests
from synapse_sync.steps.rows import observation
from synapse_sync.steps.work import Work

ENOUGH = 16
"""Files of a source that have to be what was vouched for, one after the other, before it is believed."""


class Voucher(NamedTuple):
    """What was read of a source so far: how many were what it said, and whether one was not."""

    agreed: int = 0
    refuted: bool = False

    @property
    def believed(self) -> bool:
        """Whether it need not be read what the server has."""
        return self.agreed >= ENOUGH and not self.refuted

    @property
    def untried(self) -> int:
        """How many more files are to be read before it is."""
        return 0 if self.refuted else max(ENOUGH - self.agreed, 0)


class Vouching:
    """The sources of a feed that vouch for contents, as of now."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._vouchers = {asset: _voucher(work, asset) for asset, source in work.sources.items() if source.vouches}
        self._for_sha1 = bool(self._vouchers) and needs_sha1(work)
        self._asks = not self._for_sha1 and work.destination.may_know_by("md5")

    @property
    def believed(self) -> list[str]:
        """Assets of which nothing is read before the server was asked."""
        return [asset for asset, voucher in self._vouchers.items() if self._asks and voucher.believed]

    def md5(self, file: Row) -> str:
        """What a file's content is by the word of its source; "" where it says nothing."""
        return self._work.sources[file["asset"]].vouched(observation(file))

    def sampled(self, rows: Sequence[Row]) -> list[Row]:
        """These files, but of a source that is still to prove itself no more than that takes."""
        left = {asset: voucher.untried for asset, voucher in self._vouchers.items() if self._asks and voucher.untried}
        chosen = []
        for row in rows:
            if row["asset"] in left and self.md5(row):
                if not left[row["asset"]]:
                    continue
                left[row["asset"]] -= 1
            chosen.append(row)
        return chosen

    def count_read(self, rows: Iterable[Row]) -> None:
        """Tell the run why these files were read, of those that their source may have vouched for."""
        for row in rows:
            if row["asset"] in self._vouchers:
                self._count_read(self._vouchers[row["asset"]], self.md5(row))

    def note(self, transaction: Transaction, read: Iterable[tuple[Row, Digests]]) -> None:
        """Hold what was read against what was vouched for."""
        agreed: Counter[str] = Counter()
        refuted = set()
        for file, digests in read:
            md5 = self.md5(file) if file["asset"] in self._vouchers else ""
            agreed[file["asset"]] += bool(md5) and md5 == digests.md5
            if md5 and md5 != digests.md5:
                refuted.add(file["asset"])
        for asset in refuted | {asset for asset, count in agreed.items() if count}:
            noted = {"agreed": agreed[asset], "refuted": asset in refuted}
            transaction.run("note_voucher", **_root(self._work, asset), **noted)
        for asset in refuted:
            self._disbelieve(transaction, asset)

    def _count_read(self, voucher: Voucher, md5: str) -> None:
        run = self._work.run
        if not md5:
            run.count("read_not_vouched_for")
        elif voucher.refuted:
            run.count("read_not_believed")
        elif self._for_sha1:
            run.count("read_for_sha1")
        elif not self._asks:
            run.count("read_unknown_by_md5")
        elif voucher.believed:
            run.count("read_lacking")
        else:
            run.count("read_as_sample")

    def _disbelieve(self, transaction: Transaction, asset: str) -> None:
        """The source was wrong: what is not sent yet is read all the same."""
        work = self._work
        units = [row["id"] for row in transaction.query("units_vouched_by", feed=work.id, asset=asset)]
        read_all_the_same(transaction, units, work.stamp(transaction))
        if self._vouchers[asset].believed:
            words = f"{work.sources[asset].root} vouched for a wrong MD5; it is not believed again"
            work.run.problem(SourceError(words, hint="`synapse-sync verify --deep` reads what was taken on its word"))


def needs_sha1(work: Work) -> bool:
    """Whether units are recognised by a key that is made of SHA-1s, so that contents have to be read."""
    if work.known_collection is None:
        return True  # not known yet
    return work.destination.api != "v2" and allows(work.collection.meta_schema, SYNC_KEY)


def read_all_the_same(transaction: Transaction, units: Sequence[int], stamp: Mapping[str, Any]) -> None:
    """Have the contents of these unsent units read that were only vouched for; stamp: as Work.stamp gives it."""
    transaction.run("await_reading", units=list(units), **stamp)
    transaction.run("read_vouched_of", units=list(units), **stamp)


def _voucher(work: Work, asset: str) -> Voucher:
    rows = work.ledger.query("voucher_of", **_root(work, asset))
    return Voucher(rows[0]["agreed"], bool(rows[0]["refuted"])) if rows else Voucher()


def _root(work: Work, asset: str) -> dict[str, int | str]:
    return {"feed": work.id, "asset": asset, "root": work.sources[asset].identity().inode}
