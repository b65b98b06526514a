"""Files of described units are read once: MD5 and SHA-1, held against their observation before and after.

The same read tells whether a file is empty or breaks off: such a one waits (rest.py) instead of being recorded.

Reading goes chunk by chunk (one task for each file costs more than half of the speed, measured); results are recorded
as chunks are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synapse_sync.errors import FileChanged, SourceError
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import Digests
from synapse_sync.sources.readers import Result, ToRead
from synapse_sync.states import Code
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.rest import await_rest, goes_as_it_is
from synapse_sync.steps.rows import observation, raw_path
from synapse_sync.steps.work import Work

BATCH = 500
CHUNK_FILES = 100
REMOTE_CHUNK_FILES = 20  # more readers share them
CHUNK_BYTES = 16 << 20
BATCH_BYTES = 128 << 20  # then other steps have their turn: what is known goes out while more is read


def checksum(work: Work) -> int:
    """Read what is to be read; returns how many files were worked on."""
    rows = _at_once(work.ledger.query("files_to_read", feed=work.id, now=work.clock(), limit=BATCH))
    if not rows:
        return 0
    remote = {asset for asset, source in work.sources.items() if source.remote}
    chunks = [
        *_chunks((row for row in rows if row["asset"] not in remote), CHUNK_FILES),
        *_chunks((row for row in rows if row["asset"] in remote), REMOTE_CHUNK_FILES),
    ]
    to_read = [[ToRead(row["asset"], raw_path(row), observation(row)) for row in chunk] for chunk in chunks]
    for number, results in work.readers.read(to_read):
        _record(work, list(zip(chunks[number], results, strict=True)))
        work.going()
    return len(rows)


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


def _record(work: Work, readings: list[tuple[Row, Result]]) -> None:
    sizes = []
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
    work.run.count("read_files", len(sizes))
    work.run.count("read_bytes", sum(sizes))


def _record_content(work: Work, transaction: Transaction, file: Row, digests: Digests, sent: int | None) -> None:
    """A file's content is known; sent: the content that its unit was registered with, if it was; 0: it went without."""
    destination = work.destination.name
    content = transaction.one("content_id", destination=destination, **digests._asdict())["id"]
    differs = sent is not None and sent != content
    before = sent or file["content"]
    code = Code.READ if before is None else Code.SAME_CONTENT if before == content else Code.NEW_CONTENT
    guard = {"id": file["id"], "revision": file["revision"]}
    transaction.run("record_read", **guard, content=content, differs=differs, code=code, **work.stamp(transaction))
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
