"""Contents that the server lacks are sent, several at a time, each from one file that has them."""

from __future__ import annotations

import json
import os.path
from concurrent.futures import wait

from synapse_sync.config import Config
from synapse_sync.errors import ContentMismatch, DestinationError, FileChanged, Rejected, SourceError
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import ContentRef, Digests, UploadProgress
from synapse_sync.states import Code
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.checksum import note_unread
from synapse_sync.steps.pool import stopping_pool
from synapse_sync.steps.rows import observation, raw_path, shown_path
from synapse_sync.steps.work import Work

BATCH = 500
RECORD_EVERY = 0.1  # seconds: one commit for what was sent meanwhile; after a crash the server is asked again
AUTOMATIC_WORKERS = 8

Result = ContentRef | SourceError | DestinationError


def upload(work: Work) -> int:
    """Send what is to be sent; returns how many contents were worked on.

    Raises the first error that concerns the destination as a whole, after everything under way is recorded.
    """
    contents = work.ledger.query("contents_to_send", feed=work.id, now=work.clock(), limit=BATCH)
    if not contents:
        return 0
    rows = work.ledger.query("files_to_send", files=[content["file"] for content in contents])
    files = {row["id"]: row for row in rows}
    stop: DestinationError | None = None
    with stopping_pool(workers_of(work.config), "upload") as workers:
        sending = {workers.submit(_send, work, content, files[content["file"]]): content for content in contents}
        while sending:
            done, _ = wait(sending, timeout=RECORD_EVERY)
            results = [(sending.pop(future), future.result()) for future in done]
            stop = (_record(work, results, files) if results else None) or stop
            if stop is not None:
                sending = {future: content for future, content in sending.items() if not future.cancel()}
    if stop is not None:
        raise stop
    return len(contents)


def workers_of(config: Config) -> int:
    """How many uploads run side by side."""
    configured = config.upload.workers
    return AUTOMATIC_WORKERS if configured == "auto" else configured


def _send(work: Work, content: Row, file: Row) -> Result:
    """Send one content; what went wrong is a result like any other."""
    digests = Digests(content["md5"], content["sha1"], content["size"])

    def acknowledged(state: UploadProgress, sent: int) -> None:
        work.run.count("sent_bytes", sent)
        if state.route != "direct":
            _save(work, content["id"], state)

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


def _record(work: Work, results: list[tuple[Row, Result]], files: dict[int, Row]) -> DestinationError | None:
    """Write what became of these contents; returns an error that concerns the destination as a whole, if one does."""
    stop: DestinationError | None = None
    with work.ledger.write() as transaction:
        for content, result in results:
            if isinstance(result, ContentRef):
                stamp = work.stamp(transaction)
                transaction.run("content_present", id=content["id"], code=Code.SENT, **result._asdict(), **stamp)
                work.run.count("sent_files")
            elif isinstance(result, SourceError):
                note_unread(work, transaction, files[content["file"]], result)
            else:
                _note_unsent(work, transaction, content, files[content["file"]], result)
                if result.scope == "destination":
                    stop = result
        sent = [content["id"] for content, result in results if isinstance(result, ContentRef)]
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
