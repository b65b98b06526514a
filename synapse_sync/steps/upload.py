"""Contents that the server lacks are sent, several at a time, each from one file that has them.

Sending goes on in threads while other steps find, read and register more: a line with long delays is kept busy, and a
large file holds up nobody. At most QUEUED contents are on their way at once.
"""

from __future__ import annotations

import json
import os.path
from typing import NamedTuple

from synapse_sync.config import Config
from synapse_sync.errors import Busy, ContentMismatch, DestinationError, FileChanged, Rejected, SourceError
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import ContentRef, Digests, UploadProgress
from synapse_sync.states import Code
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.checksum import note_unread
from synapse_sync.steps.pool import InFlight
from synapse_sync.steps.rows import observation, raw_path, shown_path
from synapse_sync.steps.work import Work

QUEUED = 500
RECORD_EVERY = 0.1  # seconds: one commit for what was sent meanwhile; after a crash the server is asked again
AUTOMATIC_WORKERS = 10  # what production clients use; with 40 the losses at proxies rise fourfold (protocol §7)

Result = ContentRef | SourceError | DestinationError


class Sending(NamedTuple):
    """A content on its way, and the file that it is read from."""

    content: Row
    file: Row


Uploads = InFlight[Sending, Result]


def upload(work: Work) -> int:
    """Record what was sent, send more; returns how many contents moved on.

    Raises an error that concerns the destination as a whole, after everything under way is recorded.
    """
    uploads = work.uploads
    moved = 0
    if len(uploads) >= QUEUED // 2 or work.clock() - work.uploads_recorded_at >= RECORD_EVERY:
        moved = _record(work, uploads.finished(RECORD_EVERY if len(uploads) >= QUEUED else 0.0))
    if len(uploads) <= QUEUED // 2:
        moved += _begin(work, uploads)
    return moved or len(uploads) // QUEUED


def await_upload(work: Work) -> bool:
    """Wait for what is on its way, when there is nothing else to do; False if nothing is."""
    if not len(work.uploads):
        return False
    _record(work, work.uploads.finished(RECORD_EVERY))
    return True


def end_uploads(work: Work) -> None:
    """Record what is under way, drop what has not begun, park large files after their next piece."""
    work.ending.set()
    try:
        _record(work, work.uploads.stop())
    except DestinationError as error:
        work.run.problem(error)


def _begin(work: Work, uploads: Uploads) -> int:
    """Send more, up to the bound; returns how many contents."""
    under_way = [sending.content["id"] for sending in uploads.items()]
    limit = QUEUED - len(under_way)
    contents = work.ledger.query("contents_to_send", feed=work.id, now=work.clock(), under_way=under_way, limit=limit)
    rows = work.ledger.query("files_to_send", files=[content["file"] for content in contents]) if contents else []
    files = {row["id"]: row for row in rows}
    for content in contents:
        uploads.begin(Sending(content, files[content["file"]]), lambda sending: _send(work, sending))
    return len(contents)


def workers_of(config: Config) -> int:
    """How many uploads run side by side."""
    configured = config.upload.workers
    return AUTOMATIC_WORKERS if configured == "auto" else configured


def _send(work: Work, sending: Sending) -> Result:
    """Send one content; what went wrong is a result like any other."""
    content, file = sending
    digests = Digests(content["md5"], content["sha1"], content["size"])

    def acknowledged(state: UploadProgress, sent: int) -> None:
        work.run.count("sent_bytes", sent)
        if state.route != "direct":
            _save(work, content["id"], state)
            if work.ending.is_set():
                parked = Busy(f"{name} is sent on by the next run: this one was ended")
                parked.scope = "call"
                raise parked

    name = os.path.basename(shown_path(file))
    try:
        with work.sources[file["asset"]].open_observed(raw_path(file), observation(file)) as stream:
            return work.destination.put(stream, name, digests, _resumable(content), acknowledged)
    except (SourceError, DestinationError) as error:
        return error


def _resumable(content: Row) -> UploadProgress | None:
    if content["upload_id"] is None:
        return None
    return UploadProgress(content["route"], content["upload_id"], content["offset"], json.loads(content["parts"]))


def _save(work: Work, content: int, state: UploadProgress) -> None:
    """Keep how far a resumable upload came, before its next piece is sent; no upload id means: begin anew."""
    with work.ledger.write(durable=True) as transaction:
        if not state.upload_id:
            transaction.run("forget_progress", contents=[content])
            return
        transaction.run(
            "save_progress", content=content, now=work.clock(),
            route=state.route, upload_id=state.upload_id, offset=state.offset, parts=state.parts,
        )  # fmt: skip


def _record(work: Work, results: list[tuple[Sending, Result]]) -> int:
    """Write what became of these contents; returns how many.

    Raises an error that concerns the destination as a whole, once everything else under way is recorded too.
    """
    work.uploads_recorded_at = work.clock()
    stop = _write(work, results)
    if stop is not None:
        _write(work, work.uploads.stop())
        raise stop
    return len(results)


def _write(work: Work, results: list[tuple[Sending, Result]]) -> DestinationError | None:
    if not results:
        return None
    stop: DestinationError | None = None
    with work.ledger.write() as transaction:
        for (content, file), result in results:
            if isinstance(result, ContentRef):
                stamp = work.stamp(transaction)
                transaction.run("content_present", id=content["id"], code=Code.SENT, **result._asdict(), **stamp)
                work.run.count("sent_files")
            elif isinstance(result, SourceError):
                note_unread(work, transaction, file, result)
            else:
                _note_unsent(work, transaction, content, file, result)
                if result.scope == "destination":
                    stop = result
        sent = [sending.content["id"] for sending, result in results if isinstance(result, ContentRef)]
        transaction.run("forget_progress", contents=sent)
    return stop


def _note_unsent(work: Work, transaction: Transaction, content: Row, file: Row, error: DestinationError) -> None:
    stamp = work.stamp(transaction)
    if isinstance(error, ContentMismatch):
        # What was sent is not what was hashed: the bytes are read anew before anything is sent again.
        changed = FileChanged(f"{shown_path(file)}: {error.message}")
        note_unread(work, transaction, file, changed)
        transaction.run("forget_progress", contents=[content["id"]])
    if isinstance(error, Rejected):
        reason = f"the server refuses {shown_path(file)}: {error.message}"
        transaction.run("hold_units_of_content", content=content["id"], reason=reason, **stamp)
        transaction.run("forget_progress", contents=[content["id"]])
    attempts = content["content_attempts"] + 1
    not_before = next_attempt(work.clock(), attempts, at_least=error.retry_after)
    transaction.run("content_failed", id=content["id"], not_before=not_before, reason=str(error))
    if error.scope != "destination":
        work.run.problem(error)
    work.run.count("failed_uploads")
