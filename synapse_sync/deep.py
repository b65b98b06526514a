"""`verify --deep`: files that nobody has read, because their source vouched for the content, are read and compared.

What is right is known from then on as if it had been read at once. What is wrong is told, its source is not believed
again, and units that the server has with it are held: a person decides what becomes of them there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from synapse_sync.config import Feed
from synapse_sync.errors import SourceError
from synapse_sync.ledger import Ledger, Row, Transaction
from synapse_sync.sources.base import Source
from synapse_sync.sources.configured import source_of
from synapse_sync.sources.readers import Readers, ToRead
from synapse_sync.states import Code
from synapse_sync.steps.fingerprint import renew_fingerprints
from synapse_sync.steps.rows import observation, raw_path, shown_path
from synapse_sync.steps.vouching import read_all_the_same

BATCH = 160  # files that are read before what they turned out to be is recorded
CHUNK = 20


class Read(NamedTuple):
    """A file that was read: which (id, revision), of which root, and what it is; plain data for the daemon."""

    file: int
    revision: int
    root: int
    md5: str
    sha1: str
    size: int


class Unread(NamedTuple):
    """One that could not be read, and why."""

    path: str
    why: str


def read_again(ledger: Ledger, feed: Feed) -> Iterator[tuple[list[Read], list[Unread]]]:
    """Read the files of a feed that nobody has read, some at a time. Raises ConfigError."""
    rows = ledger.query("feed_by_name", name=feed.name)
    sources = {asset: source_of(root) for asset, root in feed.asset_roots().items()}
    readers, after = Readers(sources), 0
    while rows and (files := ledger.query("files_taken_on_trust", feed=rows[0]["id"], after=after, limit=BATCH)):
        after = files[-1]["id"]
        yield _read(readers, sources, [file for file in files if file["asset"] in sources])


def _read(readers: Readers, sources: Mapping[str, Source], files: Sequence[Row]) -> tuple[list[Read], list[Unread]]:
    chunks = [files[at : at + CHUNK] for at in range(0, len(files), CHUNK)]
    to_read = [[ToRead(file["asset"], raw_path(file), observation(file)) for file in chunk] for chunk in chunks]
    read, unread = [], []
    for number, results in readers.read(to_read):
        for file, result in zip(chunks[number], results, strict=True):
            if isinstance(result, SourceError):
                unread.append(Unread(shown_path(file), str(result)))
            else:
                root = sources[file["asset"]].identity().inode
                read.append(Read(file["id"], file["revision"], root, *result.digests))
    return read, unread


def conclude(ledger: Ledger, feed: str, read: Sequence[Read], clock: Callable[[], float]) -> list[dict[str, Any]]:
    """Record what was read; those that are not what was vouched for: {"feed", "path", "units", "why"}."""
    wrong = []
    with ledger.write(durable=True) as transaction:
        for one in read:
            for file in transaction.query("file_on_trust", file=one.file, revision=one.revision):
                if (one.md5, one.size) == (file["md5"], file["size"]) and file["sha1"] in ("", one.sha1):
                    _prove(transaction, one, file)
                else:
                    wrong.append({"feed": feed, **_refute(transaction, one, file, clock())})
    return wrong


def _prove(transaction: Transaction, one: Read, file: Row) -> None:
    transaction.run("proved", file=one.file)
    named = {"destination": file["destination"], "md5": one.md5, "sha1": one.sha1, "size": one.size}
    for row in transaction.query("vouched_was_read", **named):
        renew_fingerprints(transaction, row["id"])


def _refute(transaction: Transaction, one: Read, file: Row, now: float) -> dict[str, Any]:
    stamp: dict[str, Any] = {"now": now, "run": None}
    why = f"its source vouched for the MD5 {file['md5']}, it is {one.md5}"
    voucher = {"feed": file["feed"], "asset": file["asset"], "root": one.root}
    transaction.run("note_voucher", **voucher, agreed=0, refuted=True)
    sent = transaction.query("units_sent_with", file=one.file, content=file["content"])
    for unit in sent:
        reason = (
            f"{shown_path(file)} was registered as another content: {why}; delete unit {unit['server_id']} in Synapse "
            "and `forget --registered` it here, which has it made again; `retry` leaves it as it is"
        )
        transaction.run("hold_unit", id=unit["id"], code=Code.HELD, reason=reason, **stamp)
    unsent = transaction.query("units_vouched_by", feed=file["feed"], asset=file["asset"])
    read_all_the_same(transaction, [row["id"] for row in unsent], stamp)
    return {"path": shown_path(file), "units": [unit["server_id"] for unit in sent], "why": why}
