"""Contents that the server lacks are sent, several at a time, each from one file that has them.

Sending goes on in threads while other steps find, read and register more: a line with long delays is kept busy. Small
contents share one thread, or a process where they are many (sender.py), larger ones have a thread each; both kinds have
their own room, the oldest first, so that many small files never keep a large one waiting, nor the other way round.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from queue import SimpleQueue

from synapse_sync.config import Config
from synapse_sync.destinations.base import Outcome
from synapse_sync.errors import Busy, ContentMismatch, DestinationError, FileChanged, Rejected, Scope, SourceError
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import ContentRef, UploadProgress
from synapse_sync.states import Code
from synapse_sync.steps import sender
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.checksum import note_unread
from synapse_sync.steps.pool import InFlight
from synapse_sync.steps.rows import shown_path
from synapse_sync.steps.sending import Sending, digests_of
from synapse_sync.steps.work import Work

QUEUED = 2000
RECORD_EVERY = 0.05  # seconds: one commit for what was sent meanwhile; after a crash the server is asked again
AUTOMATIC_WORKERS = 16  # production clients use 10; with 40 the losses at proxies rise fourfold (protocol §7)

_FINAL = (ContentMismatch, Rejected)
"""After these nothing is sent again of what was read before."""

Uploads = InFlight[Sending, Outcome]


class Parked(Busy):
    """No failure: this run is to end, and the next one sends the rest of the content."""

    scope: Scope = "call"


def begin_uploads(work: Work) -> None:
    """Have the process for small contents start early where many local files are new, unless uploads are under way."""
    local = not any(source.remote for source in work.sources.values())
    if local and work.sender is None and not len(work.uploads) and work.destination.small:
        files = work.ledger.query("count_unplaced", feed=work.id)[0]["files"]
        twin = work.destination.twin() if files >= sender.MANY else None
        if twin is not None:
            work.sender = sender.Sender(work.destination, twin, work.sources, work.collection.id)


def upload(work: Work) -> int:
    """Record what was sent, send more; returns how many contents moved on.

    Raises an error that concerns the destination as a whole, after everything under way is recorded.
    """
    uploads = work.uploads
    moved = 0
    if len(uploads) >= QUEUED // 2 or work.clock() - work.uploads_recorded_at >= RECORD_EVERY:
        moved = _record(work, uploads.finished(RECORD_EVERY if len(uploads) >= QUEUED else 0.0))
    moved += _begin(work, uploads)
    return moved or len(uploads) // QUEUED


def await_upload(work: Work) -> bool:
    """Wait for what is on its way, or an answer, when there is nothing else to do; False if nothing is."""
    if not (len(work.uploads) or work.verification.under_way or work.registration.under_way):
        return False
    _record(work, work.uploads.finished(RECORD_EVERY))
    return True


def end_uploads(work: Work) -> None:
    """Record what is under way, drop what has not begun, park large files after their next piece."""
    work.ending.set()
    try:
        _record(work, _stopped(work))
    except DestinationError as error:
        work.run.problem(error)
    finally:
        work.together.sending.release(work.id)
        if work.sender is not None:
            work.sender.stop()
        _free_what_nobody_awaits(work)


def _free_what_nobody_awaits(work: Work) -> None:
    """Let contents go whose units are held, are duplicates, or do without them; others may be read at this moment."""
    kept = {digests.sha1: digests for digests in work.spool.contents()}
    if kept:
        wanted = {"destination": work.destination.name, "sha1s": list(kept)}
        for row in work.ledger.query("contents_not_awaited", **wanted):
            work.spool.free(kept[row["sha1"]])


def _begin(work: Work, uploads: Uploads) -> int:
    """Send more, up to the bounds; returns how many contents."""
    by_lane = sum(sending.by_lane for sending in uploads.items())
    by_thread = len(uploads) - by_lane
    begun = 0
    if by_lane <= QUEUED // 2:
        for sending in _to_send(work, by_lane=True, limit=QUEUED - by_lane):
            if sending.comes_from_afar:  # read in the lanes' one thread it would hold up the others
                uploads.begin(sending, lambda sending: _send(work, sending))
            else:
                uploads.hand_over(sending, lambda *serving: _send_small(work, *serving))
            begun += 1
    if by_thread < uploads.threads:
        for sending in _to_send(work, by_lane=False, limit=2 * uploads.threads - by_thread):
            uploads.begin(sending, lambda sending: _send(work, sending))
            begun += 1
    return begun


def _to_send(work: Work, *, by_lane: bool, limit: int) -> list[Sending]:
    """Contents that may be sent now, the oldest first; by_lane: small ones, or all others."""
    wanted = {"by_lane": by_lane, "small": work.destination.small, "limit": limit}
    with work.together.sending.choosing() as under_way:
        contents = work.ledger.query("contents_to_send", feed=work.id, now=work.clock(), under_way=under_way, **wanted)
        work.together.sending.take(work.id, [content["id"] for content in contents])
    rows = work.ledger.query("files_to_send", files=[content["file"] for content in contents]) if contents else []
    files = {row["id"]: row for row in rows}
    return [_sending(work, content, files[content["file"]], by_lane) for content in contents]


def _sending(work: Work, content: Row, file: Row, by_lane: bool) -> Sending:
    source = work.sources[file["asset"]]
    kept = work.spool.take(digests_of(content)) if source.remote else None
    if source.remote and kept is None:
        work.run.count("read_twice")
    return Sending(content, file, source, by_lane, kept)


def _stopped(work: Work) -> list[tuple[Sending, Outcome]]:
    """End what is under way; what had not begun lets go of what was kept for it."""
    under_way = work.uploads.items()
    results = work.uploads.stop()
    for sending in under_way:
        sending.let_go()
    return results


def workers_of(config: Config) -> int:
    """How many small contents go side by side; half as many larger ones may beside them."""
    configured = config.upload.workers
    return AUTOMATIC_WORKERS if configured == "auto" else configured


def _send_small(
    work: Work,
    waiting: SimpleQueue[Sending | None],
    done: Callable[[Sending, Outcome], None],
    stopping: threading.Event,
) -> None:
    """Send small contents until no more come; what went wrong is a result like any other."""

    def ended(sending: Sending, result: Outcome) -> None:
        if isinstance(result, ContentRef):
            work.run.count("sent_bytes", sending.digests.size)
        done(sending, result)

    process, work.sender = work.sender, None
    if process is None or not process.serve(waiting, ended, stopping):
        work.destination.put_small(work.collection.id, waiting, ended, stopping)


def _send(work: Work, sending: Sending) -> Outcome:
    """Send one content; what went wrong is a result like any other."""

    def acknowledged(state: UploadProgress, sent: int) -> None:
        work.run.count("sent_bytes", sent)
        if state.route != "direct":
            _save(work, sending.content["id"], state)
            if work.ending.is_set() or work.stop.is_set():
                raise Parked(f"{sending.name} is sent on by the next run: this one was ended")

    try:
        with sending.opened() as stream:
            resume = _resumable(sending.content)
            return work.destination.put(work.collection.id, stream, sending.name, sending.digests, resume, acknowledged)
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


def _record(work: Work, results: list[tuple[Sending, Outcome]]) -> int:
    """Write what became of these contents; returns how many.

    Raises an error that concerns the destination as a whole, once everything else under way is recorded too.
    """
    work.uploads_recorded_at = work.clock()
    stop = _write(work, results)
    if stop is not None:
        _write(work, _stopped(work))
        work.together.sending.release(work.id)
        raise stop
    return len(results)


def _write(work: Work, results: list[tuple[Sending, Outcome]]) -> DestinationError | None:
    if not results:
        return None
    stop: DestinationError | None = None
    with work.ledger.write() as transaction:
        for sending, result in results:
            content, file = sending.content, sending.file
            sending.let_go(free=not isinstance(result, DestinationError) or isinstance(result, _FINAL))
            if isinstance(result, ContentRef):
                stamp = work.stamp(transaction)
                transaction.run("content_present", id=content["id"], code=Code.SENT, **result._asdict(), **stamp)
            elif isinstance(result, SourceError):
                note_unread(work, transaction, file, result)
            elif not isinstance(result, Parked):
                _note_unsent(work, transaction, content, file, result)
                if result.scope == "destination":
                    stop = result
        sent = [sending.content["id"] for sending, result in results if isinstance(result, ContentRef)]
        transaction.run("forget_progress", contents=sent)
    work.run.count("sent_files", len(sent))
    work.together.sending.release(work.id, [sending.content["id"] for sending, _ in results])
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
