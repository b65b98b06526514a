"""What must hold of every ledger, whatever happened to it before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from synapse_sync.ledger import integrity_problems, open_for_reading
from synapse_sync.states import FILE_MOVES, UNIT_MOVES, Code, ContentState
from synapse_sync.status.snapshot import balanced, snapshot

MOVES = {
    "file": FILE_MOVES,
    "unit": UNIT_MOVES,
    "content": {one: frozenset(ContentState) - {one} for one in ContentState},
}


def problems_of(ledger: Path) -> list[str]:
    """Everything that must not be in this ledger, in words; the states in the tables are those of the last move."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        problems = [*integrity_problems(ledger), *_illegal_moves(connection), *_broken_promises(connection)]
    finally:
        connection.close()
    with open_for_reading(ledger) as opened:
        for feed in snapshot(opened, [])["feeds"]:
            if not balanced(feed["account"]):
                problems.append(f"the files of feed {feed['name']} do not add up: {feed['account']}")
    return problems


def _illegal_moves(connection: sqlite3.Connection) -> list[str]:
    """Moves that states.py does not allow, that have an unknown code, or that start elsewhere than the last ended.

    A row that stands for several moves leads from the first to the last of them.
    """
    problems = []
    last: dict[tuple[str, int], str] = {}
    codes = {code.value for code in Code}
    for kind, ref, was, became, code, times in connection.execute(
        "SELECT kind, ref, was, became, code, times FROM history ORDER BY id"
    ):
        if times == 1 and became not in MOVES[kind].get(was, frozenset()):
            problems.append(f"{kind} {ref}: {was} → {became} ({code}) is no legal move")
        if code not in codes:
            problems.append(f"{kind} {ref}: {was} → {became} has the unknown code {code!r}")
        if last.get((kind, ref), was) != was:
            problems.append(f"{kind} {ref}: left {was}, but was last moved to {last[kind, ref]}")
        last[kind, ref] = became
    return problems


PROMISES = {
    "a unit that waits for a person, and no reason": (
        "SELECT key FROM units WHERE state IN ('held', 'incomplete') AND reason = ''"
    ),
    "a file aside, and no reason": (
        "SELECT CAST(name AS TEXT) FROM files WHERE state IN ('held', 'unmatched', 'superseded') AND reason = ''"
    ),
    "registered, and no id of the server": "SELECT key FROM units WHERE state = 'registered' AND server_id IS NULL",
    "a unit that goes with another unit's file": (
        "SELECT u.key FROM unit_files AS uf JOIN files AS f ON f.id = uf.file JOIN units AS u ON u.id = uf.unit"
        " WHERE u.state IN ('complete', 'described', 'ready') AND f.unit IS NOT u.id"
        " AND (f.unit IS NULL OR f.unit NOT IN (SELECT id FROM sent_units))"
    ),
    "a file in a unit, and no unit": (
        "SELECT CAST(name AS TEXT) FROM files WHERE state IN ('grouped', 'checksummed') AND unit IS NULL"
    ),
    "a content that the server has, and no checksum of the server": (
        "SELECT sha1 FROM contents WHERE state = 'present' AND checksum = ''"
    ),
}


def _broken_promises(connection: sqlite3.Connection) -> list[str]:
    return [f"{what}: {row[0]}" for what, query in PROMISES.items() for row in connection.execute(query)]
