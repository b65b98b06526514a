"""Settled files find their units: place each file, then decide every unit whose files or time came.

place (pure) → assemble (pure) → decide (decide.py), all of a batch in one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from synapse_sync.grouping.assemble import assemble
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.pairing import Placed
from synapse_sync.grouping.places import Layout
from synapse_sync.ledger import Row, Transaction
from synapse_sync.states import Code
from synapse_sync.steps.decide import Bucket, Decider
from synapse_sync.steps.detect import detects
from synapse_sync.steps.rows import shown_path
from synapse_sync.steps.sidecars import describe_again
from synapse_sync.steps.work import Work

BATCH = 500
LONGEST_PATH = 1024  # characters of a file's path that the server takes (protocol §2.4)


def group(work: Work) -> int:
    """Place settled files and decide the units they touch; returns how many files and buckets were worked on."""
    layout = work.layout
    if layout is None:
        return 0
    files = work.ledger.query("files_to_place", feed=work.id, detects=detects(work), limit=BATCH)
    due = work.ledger.query("buckets_due", feed=work.id, now=work.clock(), limit=BATCH)
    if not files and not due:
        return 0
    settling = _buckets_still_settling(work, layout)
    newest = work.feed.grouping.on_ambiguous == "newest"
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        names = {row["bucket"] for row in due}
        placed: dict[int, Placed] = {}
        for row in files:
            names |= _place(transaction, layout, row, stamp, placed)
        describe_again(work, transaction, files)
        decider = Decider(work, transaction, stamp)
        for bucket in _load(work, transaction, sorted(names)):
            drafts = assemble(_candidates(bucket, layout, placed), work.collection.specs, newest=newest)
            decider.decide(bucket, drafts, patient=work.patient or bucket.name in settling)
    return len(files) + len(due)


def _candidates(bucket: Bucket, layout: Layout, placed: Mapping[int, Placed]) -> list[Placed]:
    """The bucket's files, without those whose place is elsewhere by now; placed: those whose place was just found.

    Such are files of a sent unit that were renamed, which stay with it, and files that are still to be placed anew.
    """
    files = (placed.get(file) or _placed(row, layout) for file, row in bucket.files.items())
    return [one for one in files if one.place.bucket == bucket.name]


def _placed(row: Row, layout: Layout) -> Placed:
    member = member_of(row)
    return Placed(member, layout.place(member.asset, member.path, member.kinds))


def member_of(row: Row) -> Member:
    """A file's row as the grouping floor sees it."""
    kinds = tuple(row["detected"].split())
    path, accepted = shown_path(row), bool(row["accepted"])
    return Member(row["id"], row["asset"], path, row["size"], row["mtime_ns"], kinds, accepted)


def _place(
    transaction: Transaction, layout: Layout, row: Row, stamp: Mapping[str, Any], placed: dict[int, Placed]
) -> set[str]:
    """Record where one settled file belongs, and keep it; returns the buckets that this touches."""
    guard = {"id": row["id"], "revision": row["revision"]}
    if row["sent"] and not row["current"]:
        transaction.run("reread_file", **guard, **stamp)
        return set()
    member, place = placed[row["id"]] = _placed(row, layout)
    touched = {row["bucket"]} if row["bucket"] else set()
    if len(member.path) > LONGEST_PATH:
        reason = f"its path has {len(member.path)} characters, the server takes {LONGEST_PATH}; shorten it"
        transaction.run("put_aside", **guard, **stamp, became="held", code=Code.HELD, reason=reason)
    elif place.aside:
        code = Code.METADATA if place.aside == "metadata" else Code.UNMATCHED
        transaction.run("put_aside", **guard, **stamp, became=place.aside, code=code, reason=place.reason)
    else:
        # A file that was renamed and then changed has left its sent unit; any other file keeps its unit.
        detach = row["unit"] is not None and row["unit_bucket"] != place.bucket
        transaction.run("place_file", **guard, bucket=place.bucket, detach=detach)
        touched.add(place.bucket)
    return touched


def _buckets_still_settling(work: Work, layout: Layout) -> set[str]:
    """Buckets that a file still on its way belongs to: their units wait for it even when nobody is patient."""
    if work.patient:
        return set()
    rows = work.ledger.query("unsettled_files", feed=work.id, limit=50_000)
    return {layout.place(row["asset"], shown_path(row)).bucket for row in rows}


def _load(work: Work, transaction: Transaction, names: list[str]) -> list[Bucket]:
    """The files and units of these buckets, as this transaction sees them."""
    files: dict[str, dict[int, Row]] = defaultdict(dict)
    units: dict[str, list[Row]] = defaultdict(list)
    for row in transaction.query("members_of_buckets", feed=work.id, buckets=names):
        files[row["bucket"]][row["id"]] = row
    for row in transaction.query("units_of_buckets", feed=work.id, buckets=names):
        units[row["bucket"]].append(row)
    ids = [unit["id"] for rows in units.values() for unit in rows]
    compositions: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in transaction.query("files_of_units", units=ids):
        compositions[row["unit"]][row["spec"]] = row
    return [Bucket(name, files[name], units[name], compositions) for name in names]
