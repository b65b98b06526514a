"""Data files: stored bytes, addressed by one checksum each (protocol §3)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.contents import Content
from synapse_sync.devserver.events import record
from synapse_sync.devserver.store import Database, Row, now

Algorithm = Literal["md5", "sha1"]


def address(backend: Backend, content: Content, given: str = "") -> str:
    """The checksum that addresses this content. `given` is the client's digest on the presigned route, else ""."""
    mode = backend.options.checksum
    if mode == "mixed":
        return given or content.md5
    return content.md5 if mode == "md5" else content.sha1


def is_digest_of(given: str, content: Content) -> bool:
    """Whether a client's digest, whose algorithm shows in its length, is that of the content."""
    return given.lower() in (content.md5, content.sha1)


def add(
    db: Database, checksum: str, content: Content, name: str, route: str, *, arrived: bool = True
) -> tuple[Row, bool]:
    """The data file of this checksum, made if there was none, and usable; and whether it was made.

    `arrived` says that bytes were received for it, which is told if they had been before.
    """
    row, made = _insert(db, checksum, content, name, is_foreign=False)
    # Who has sent the bytes may use them under every checksum.
    freed = db.execute("UPDATE data_files SET is_foreign = 0 WHERE is_foreign AND content = ?", (content.sha1,))
    first = made or (freed.rowcount > 0 and bool(row["is_foreign"]))
    if first or arrived:
        kind = "data_file" if first else "data_file_again"
        record(db, kind, checksum=checksum, sha1=content.sha1, size=content.size, route=route)
    return row, made


def add_foreign(db: Database, checksum: str, content: Content) -> None:
    """A data file that the tenant has and the caller may not use; one that the caller may use stays as it is."""
    _, made = _insert(db, checksum, content, "foreign", is_foreign=True)
    if made:
        record(db, "data_file_foreign", checksum=checksum, sha1=content.sha1, size=content.size)


def _insert(db: Database, checksum: str, content: Content, name: str, *, is_foreign: bool) -> tuple[Row, bool]:
    made: Row | None = db.execute(
        "INSERT OR IGNORE INTO data_files (checksum, content, size, name, created, is_foreign)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        (checksum, content.sha1, content.size, name[:255], now(), is_foreign),
    ).fetchone()
    row = made or find(db, checksum)
    assert row is not None
    return row, made is not None


def find(db: Database, checksum: str) -> Row | None:
    """The data file of this checksum."""
    row: Row | None = db.execute("SELECT * FROM data_files WHERE checksum = ?", (checksum,)).fetchone()
    return row


def tells_foreign(backend: Backend) -> bool:
    """Whether a lookup by checksum tells of data files that the caller may not use."""
    return backend.options.verify_scope == "tenant"


def known(db: Database, checksums: Iterable[str], *, foreign: bool = False) -> dict[str, Row]:
    """Which of these checksums are there and usable, or `foreign`, with their data files; any number at once."""
    rows = db.execute(
        "SELECT * FROM data_files WHERE checksum IN (SELECT value FROM json_each(?)) AND is_foreign <= ?",
        (json.dumps(list(checksums)), foreign),
    )
    return {row["checksum"]: row for row in rows}


def listed_v2(row: Row) -> dict[str, Any]:
    """A data file as v2 lists it."""
    return {"id": row["id"], "checksum": row["checksum"], "file_size": row["size"], "created": row["created"]}
