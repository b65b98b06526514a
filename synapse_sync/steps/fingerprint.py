"""Described units whose contents are known get their fingerprint: the first of its kind goes, others are duplicates.

fingerprint = sha256 over destination, collection and the (spec, content) pairs sorted by spec; meta is no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from synapse_sync.ledger import Row, Transaction
from synapse_sync.metadata.automatic import AUTOMATIC, SYNC_KEY, sync_key
from synapse_sync.metadata.schema import allows
from synapse_sync.states import Code, UnitState
from synapse_sync.steps.vouching import needs_sha1, read_all_the_same
from synapse_sync.steps.work import Work

BATCH = 500
BEREFT_EVERY = 2.0  # seconds


def fingerprint(work: Work) -> int:
    """Decide which described units are ready and which are duplicates; returns how many were worked on."""
    if not work.destination.api:
        return 0  # what goes into meta depends on it
    units = work.ledger.query("units_to_fingerprint", feed=work.id, limit=BATCH)
    bereft = _bereft(work)
    if not units and not bereft:
        return 0
    contents: dict[int, list[Row]] = defaultdict(list)
    for row in work.ledger.query("contents_of_units", units=[unit["id"] for unit in units]):
        contents[row["unit"]].append(row)
    unread = _unread(work, contents)
    units = [unit for unit in units if unit["id"] not in unread]
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        read_all_the_same(transaction, sorted(unread), stamp)
        for row in bereft:
            transaction.run("promote_duplicate", id=row["id"], **stamp)
        for row in [row for unit in units for row in contents[unit["id"]]]:
            if row["destination"] != work.destination.name:
                _move_content(work, transaction, row)
        transaction.run("fix_contents", units=[unit["id"] for unit in units])
        for unit in units:
            _fingerprint_unit(work, transaction, unit, contents[unit["id"]], stamp)
    return len(units) + len(unread) + len(bereft)


def _unread(work: Work, contents: Mapping[int, list[Row]]) -> set[int]:
    """Units with contents that nobody has read, where that is not enough: here, or for this destination."""
    here = work.destination.name
    return {
        unit
        for unit, rows in contents.items()
        if any(not row["sha1"] and (row["destination"] != here or needs_sha1(work)) for row in rows)
    }


def _bereft(work: Work) -> list[Row]:
    """Duplicates whose first unit no longer goes; asked now and then only while uploads keep the run going."""
    if len(work.uploads) and work.clock() - work.bereft_asked_at < BEREFT_EVERY:
        return []
    work.bereft_asked_at = work.clock()
    return work.ledger.query("bereft_duplicates", feed=work.id, limit=BATCH)


def _move_content(work: Work, transaction: Transaction, row: Row) -> None:
    """A file that was read for another destination: what that one has says nothing of this one."""
    digests = {name: row[name] for name in ("md5", "sha1", "size")}
    content = transaction.one("content_id", destination=work.destination.name, **digests)["id"]
    transaction.run("move_content", file=row["file"], content=content)


def renew_fingerprints(transaction: Transaction, content: int) -> None:
    """A content is known better than when units got their fingerprints: equal ones stay equal."""
    for unit in transaction.query("fingerprinted_with", content=content):
        rows = transaction.query("contents_of_fingerprint", unit=unit["id"])
        identity = fingerprint_of(unit["destination"], unit["collection"], rows)
        transaction.run("renew_fingerprint", id=unit["id"], fingerprint=identity)


def fingerprint_of(destination: str, collection: int, contents: list[Row]) -> str:
    """The identity of a unit's content; `contents` come sorted by spec, with md5, sha1 and size."""
    pairs = [f"{row['spec']}:{row['sha1']}:{row['md5']}:{row['size']}" for row in contents]
    return hashlib.sha256("\n".join([destination, str(collection), *pairs]).encode()).hexdigest()


def _fingerprint_unit(
    work: Work, transaction: Transaction, unit: Row, contents: list[Row], stamp: Mapping[str, Any]
) -> None:
    identity = fingerprint_of(work.destination.name, work.collection.id, contents)
    meta = unit["meta"]
    if work.destination.api == "v1" and allows(work.collection.meta_schema, SYNC_KEY):
        key = sync_key(work.collection.id, {row["spec"]: row["sha1"] for row in contents})
        meta = json.dumps({**json.loads(meta), SYNC_KEY: key}, ensure_ascii=False)
    state, code, reason = UnitState.READY, Code.READY, ""
    first = transaction.query("same_fingerprint", fingerprint=identity, id=unit["id"])
    goes_anyway = work.feed.duplicates == "register" or (work.feed.duplicates == "hold" and unit["approved"])
    if first and not goes_anyway and _will_go(work, first[0]):
        state, code, reason = _another_goes(work, first[0], json.loads(meta))
    elif first and not goes_anyway:
        reason_there = f"the same content as {work.feed.name}:{unit['key']}, which goes because this feed does not run"
        transaction.run("give_way", id=first[0]["id"], reason=reason_there, **stamp)
    transaction.run(
        "unit_ready", id=unit["id"], revision=unit["revision"], became=state, code=code, reason=reason,
        fingerprint=identity, meta=meta, **stamp,
    )  # fmt: skip


def _will_go(work: Work, first: Row) -> bool:
    """Whether the unit went, may have gone, or will: one that is only ready goes with its feed alone."""
    runs = not first["paused"] and first["feed_name"] in {feed.name for feed in work.config.feeds}
    return first["state"] != UnitState.READY or first["feed"] == work.id or runs


def _another_goes(work: Work, first: Row, meta: Mapping[str, Any]) -> tuple[UnitState, Code, str]:
    """What becomes of a unit whose content another unit has, and why; differing meta is shown."""
    theirs = json.loads(first["meta"])
    told = (meta.keys() | theirs.keys()) - {*AUTOMATIC, SYNC_KEY}
    differing = sorted(name for name in told if meta.get(name) != theirs.get(name))
    shown = ", ".join(f"{name}: {meta.get(name)!r} here, {theirs.get(name)!r} there" for name in differing)
    name = first["key"] if first["feed"] == work.id else f"{first['feed_name']}:{first['key']}"
    reason = f"the same content as {name}" + (f"; meta differs ({shown})" if shown else "")
    if work.feed.duplicates == "hold":
        return UnitState.HELD, Code.HELD, f'{reason}; duplicates = "skip" or "register" decides for all'
    work.run.count("duplicates")
    return UnitState.DUPLICATE, Code.DUPLICATE, reason
