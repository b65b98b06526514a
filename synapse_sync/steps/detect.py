"""Files whose names don't say what they are (DICOM series often have no extensions) are told by their first KiB."""

from __future__ import annotations

from synapse_sync.errors import FileChanged, SourceError, SourceUnavailable
from synapse_sync.ledger import Row
from synapse_sync.steps.checksum import note_unread
from synapse_sync.steps.rows import observation, raw_path
from synapse_sync.steps.work import Work

BATCH = 500
HEAD = 1024  # bytes; the mark of DICOM stands at 128, all others before


def detect(work: Work) -> int:
    """Look into settled files without a telling extension; returns how many. Raises SourceUnavailable."""
    if not detects(work):
        return 0
    rows = work.ledger.query("files_to_detect", feed=work.id, limit=BATCH)
    if not rows:
        return 0
    found = [(row, _look(work, row)) for row in rows]
    with work.ledger.write() as transaction:
        for row, kinds in found:
            if isinstance(kinds, FileChanged):
                note_unread(work, transaction, row, kinds)
                continue
            if isinstance(kinds, SourceError):
                work.run.problem(kinds)
                if work.sources[row["asset"]].remote:  # nothing about it changes when it can be read
                    note_unread(work, transaction, row, FileChanged(str(kinds)))
                    continue
                kinds = ""  # it stands aside; when it can be read it shows another observation
            transaction.run("record_detected", id=row["id"], revision=row["revision"], detected=kinds)
    return len(rows)


def detects(work: Work) -> bool:
    """Whether types are looked for: only where a specification asks for an extension."""
    return work.known_collection is not None and any(spec.extensions for spec in work.collection.specs)


def _look(work: Work, row: Row) -> str | SourceError:
    """Extensions of what the file begins like, with blanks between, the likeliest first; an error is a result too."""
    try:
        with work.sources[row["asset"]].open_observed(raw_path(row), observation(row)) as stream:
            head = stream.read(HEAD)
    except SourceUnavailable:
        raise
    except SourceError as error:
        return error
    return " ".join(kinds_of(head))


def kinds_of(head: bytes) -> list[str]:
    """Extensions of files that begin like this, the likeliest first; [] for what nobody knows."""
    from puremagic import PureError, magic_string

    try:
        found = magic_string(head)
    except (PureError, ValueError):
        return []
    ordered = dict.fromkeys(match.extension.lower() for match in found if match.extension)
    return [extension for extension in ordered if " " not in extension]
