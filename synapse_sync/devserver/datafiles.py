"""Data files: stored bytes, addressed by one checksum each (protocol §3)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.contents import Content
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


def add(db: Database, checksum: str, content: Content, name: str) -> tuple[Row, bool]:
    """The data file of this checksum, made if there was none; and whether it was made."""
    made: Row | None = db.execute(
        "INSERT OR IGNORE INTO data_files (checksum, content, size, name, created) VALUES (?, ?, ?, ?, ?) RETURNING *",
        (checksum, content.sha1, content.size, name[:255], now()),
    ).fetchone()
    row = made or find(db, checksum)
    assert row is not None
    return row, made is not None


def find(db: Database, checksum: str) -> Row | None:
    """The data file of this checksum."""
    row: Row | None = db.execute("SELECT * FROM data_files WHERE checksum = ?", (checksum,)).fetchone()
    return row


def known(db: Database, checksums: Iterable[str]) -> dict[str, Row]:
    """Which of these checksums are there, with their data files; any number at once."""
    rows = db.execute(
        "SELECT * FROM data_files WHERE checksum IN (SELECT value FROM json_each(?))", (json.dumps(list(checksums)),)
    )
    return {row["checksum"]: row for row in rows}


def listed_v2(row: Row) -> dict[str, Any]:
    """A data file as v2 lists it."""
    return {"id": row["id"], "checksum": row["checksum"], "file_size": row["size"], "created": row["created"]}
