"""Files of described units are read once: MD5 and SHA-1, held against their observation before and after.

The same read tells whether a file is empty or breaks off: such a one waits (rest.py) instead of being recorded.

Reading goes chunk by chunk (one task for each file costs more than half of the speed, measured); results are recorded
as chunks are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synapse_sync.errors import FileChanged, SourceError
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import Digests, Reading
from synapse_sync.sources.readers import Result, ToRead
from synapse_sync.states import Code, ContentState
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.fingerprint import renew_fingerprints
from synapse_sync.steps.rest import await_rest, goes_as_it_is
from synapse_sync.steps.rows import observation, raw_path
from synapse_sync.steps.vouching import Vouching
from synapse_sync.steps.work import Work

BATCH = 500
CHUNK_FILES = 100
REMOTE_CHUNK_FILES = 20  # more readers share them
CHUNK_BYTES = 16 << 20
BATCH_BYTES = 128 << 20  # then other steps have their turn: what is known goes out while more is read


def checksum(work: Work) -> int:
    """Read what is to be read; returns how many files were worked on."""
    vouching = Vouching(work)
    wanted = {"feed": work.id, "vouching": vouching.believed, "limit": BATCH}
    rows = work.ledger.query("files_to_read", now=work.clock(), **wanted)
    rows = _at_once(_with_room(work, vouching.sampled(rows)))
    remote = {asset for asset, source in work.sources.items() if source.remote}
    chunks = [
        *_chunks((row for row in rows if row["asset"] not in remote), CHUNK_FILES),
        *_chunks((row for row in rows if row["asset"] in remote), REMOTE_CHUNK_FILES),
    ]
    to_read = [[ToRead(row["asset"], raw_path(row), observation(row)) for row in chunk] for chunk in chunks]
    for number, results in work.readers.read(to_read):
        _record(work, vouching, list(zip(chunks[number], results, strict=True)))
        work.going()
    return len(rows)


def _with_room(work: Work, rows: list[Row]) -> list[Row]:
    """These files, without remote ones that the spool has no room for just now.

    They wait while something in the spool is about to be sent; where nothing is, older contents have to go. What the
    spool can't take at all waits for nothing: it is read twice.
    """
    chosen = _fitting(work, rows, work.spool.room(evicting=False))
    if chosen or work.verification.under_way or any(sending.kept for sending in work.uploads.items()):
        return chosen
    return (
        _fitting(work, rows, work.spool.room(evicting=True)) or rows[:1]
    )  # other feeds may be sending all that is kept


def _fitting(work: Work, rows: list[Row], left: int) -> list[Row]:
    """Those that `left` bytes are enough for, and all that are not kept."""
    chosen = []
    for row in rows:
        if work.sources[row["asset"]].remote and work.spool.takes(row["size"]):
            if row["size"] > left:
                continue
            left -= row["size"]
        chosen.append(row)
    return chosen


def _at_once(rows: list[Row]) -> list[Row]:
    """The first of these files, up to BATCH_BYTES and the one that exceeds them."""
    size = 0
    for number, row in enumerate(rows, 1):
        size += row["size"]
        if size >= BATCH_BYTES:
            return rows[:number]
    return rows


def _chunks(rows: Iterable[Row], files: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row["size"]
        if len(chunk) >= files or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _record(work: Work, vouching: Vouching, readings: list[tuple[Row, Result]]) -> None:
    sizes = []
    read = [(file, result.digests) for file, result in readings if isinstance(result, Reading)]
    with work.ledger.write() as transaction:
        files = [file["id"] for file, _ in readings]
        sent = {row["file"]: row["content"] for row in transaction.query("sent_contents", files=files)}
        for file, result in readings:
            if isinstance(result, SourceError):
                note_unread(work, transaction, file, result)
            elif result.lacks and not goes_as_it_is(file, result.digests):
                await_rest(work, transaction, file, result.lacks)
            else:
                _record_content(work, transaction, file, result.digests, sent.get(file["id"]))
                sizes.append(result.digests.size)
        vouching.note(transaction, read)
    vouching.count_read(file for file, _ in read)
    work.run.count("read_files", len(sizes))
    work.run.count("read_bytes", sum(sizes))


def _record_content(work: Work, transaction: Transaction, file: Row, digests: Digests, sent: int | None) -> None:
    """A file's content was read."""
    known = {"destination": work.destination.name, **digests._asdict()}
    vouched = transaction.query("vouched_was_read", **known)
    row = vouched[0] if vouched else transaction.one("content_id", **known)
    if vouched:
        renew_fingerprints(transaction, row["id"])
    if row["state"] == ContentState.PRESENT:
        work.spool.free(digests)
    take_content(work, transaction, file, row["id"], sent)


def take_content(
    work: Work, transaction: Transaction, file: Row, content: int, sent: int | None, *, vouched: bool = False
) -> None:
    """A file's content is known, from now on; vouched: nobody has read it.

    sent: the content that its unit was registered with, if it was; 0: it went without.
    """
    differs = sent is not None and sent != content
    before = sent or file["content"]
    code = Code.VOUCHED if vouched else Code.READ
    if before is not None:
        code = Code.SAME_CONTENT if before == content else Code.NEW_CONTENT
    known = {"content": content, "vouched": vouched, "differs": differs, "code": code}
    transaction.run("record_read", id=file["id"], revision=file["revision"], **known, **work.stamp(transaction))
    if sent is not None and not differs:
        transaction.run("redecide_later_versions", file=file["id"])


def note_unread(work: Work, transaction: Transaction, file: Row, error: SourceError) -> None:
    """A file that could not be read as observed: look again, or try again later."""
    guard = {"id": file["id"], "revision": file["revision"]}
    if isinstance(error, FileChanged):
        transaction.run("file_changed", **guard, reason=error.message, **work.stamp(transaction))
        work.run.count("changed_while_reading")
        return
    not_before = next_attempt(work.clock(), file["attempts"] + 1)
    transaction.run("file_failed", **guard, not_before=not_before, reason=str(error))
    work.run.problem(error)
    work.run.count_once("unreadable_files", file["id"])
