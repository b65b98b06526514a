"""A look at a ledger that leaves nothing behind: not even the shared memory that SQLite makes for readers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from synapse_sync.ledger.integrity import problems_in
from synapse_sync.ledger.opening import applied_in, require_access, require_known
from synapse_sync.ledger.queries import statement
from synapse_sync.ledger.store import connect, translated


class Inspected(NamedTuple):
    """How many feeds it knows, whether it was checked in full, and what is wrong with it then."""

    feeds: int
    checked: bool
    problems: list[str]


def inspected(path: Path, *, most: int) -> Inspected:
    """The ledger at `path`, checked in full where it has no more than `most` bytes. Raises LedgerErrors."""
    require_access(path, create=False, write=False)
    at_rest = not path.with_name(path.name + "-wal").exists()
    with translated(path):
        connection = connect(path, writable=False, at_rest=at_rest)
        try:
            require_known(path, applied_in(connection, path))
            feeds = len(connection.execute(statement("all_feeds")).fetchall())
            checked = path.stat().st_size <= most
            problems = problems_in(connection) if checked else []
        finally:
            connection.close()
    if problems and at_rest and path.with_name(path.name + "-wal").exists():
        return inspected(path, most=most)  # somebody has begun to work with it meanwhile
    return Inspected(feeds, checked, problems)
