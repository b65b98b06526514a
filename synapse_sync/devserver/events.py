"""What has happened to the data, in order: one row per change, written in the transaction of the change itself.

kind               detail
data_file          checksum, sha1, size, route ("direct", "chunked", "presigned"): usable from now on
data_file_again    the same: these bytes had been sent before
data_file_foreign  checksum, sha1, size: others have it
unit               unit, collection, checksum, files {spec: {checksum, path}}
unit_reused        unit, collection, checksum
unit_deleted       unit, collection, checksum
meta               unit, before, after
task               task, project, unit
task_deleted       task, project, unit

The database itself (store.py) writes the last two and unit_deleted, and refuses to change or forget a row.
"""

from __future__ import annotations

import json
from typing import Any

from synapse_sync.devserver.store import Database


def record(db: Database, kind: str, **detail: object) -> None:
    """Add what has just been done in this transaction."""
    db.execute("INSERT INTO events (kind, detail) VALUES (?, ?)", (kind, json.dumps(detail)))


def recorded(db: Database, after: int = 0) -> list[dict[str, Any]]:
    """All events with a higher id than `after`, oldest first: id, at, kind, detail."""
    rows = db.execute("SELECT * FROM events WHERE id > ? ORDER BY id", (after,))
    return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]
