"""Step zero: list sources or some of their folders, compare with the ledger, write the differences; reads no content.

A listing that differs in nothing writes nothing. Files are believed gone only after a listing that completed, under an
unchanged root, and never below a folder that could not be read; a look at some folders concludes for those alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from synapse_sync.errors import FileUnreadable, SourceUnavailable
from synapse_sync.grouping.names import untyped
from synapse_sync.metadata.sidecars import ENDINGS, folded
from synapse_sync.records import Directory, Look, Looked, Observation, RootIdentity, Unreadable, Untakeable
from synapse_sync.shown import plain, shown
from synapse_sync.sources.base import Source
from synapse_sync.sources.reconcile import believable, reconcile, renames
from synapse_sync.states import Code
from synapse_sync.steps.pieces import AFTER_SLASH, Present, known_as, known_at, known_in_piece, not_present
from synapse_sync.steps.rows import shown_path
from synapse_sync.steps.sidecars import describe_again
from synapse_sync.steps.unmounted import refuse_bare_mount_point
from synapse_sync.steps.work import Work

BATCH = 2000  # rows a transaction: some 20 ms of writing (measured), so that readers and other feeds are not held up

YOUNG = 10.0
"""Seconds for which a new file may be there before its event has come: younger ones say nothing of a watch."""

WHOLE = Look()

EMPTIED = (
    "see that it is the right place and whole; nothing was concluded. If all was deleted on purpose, that is believed "
    "as soon as a file is there again"
)

LAST = b"\xff" * 4097
"""Behind every path that there can be (PATH_MAX)."""

SIDECAR_ENDINGS = tuple(ending.encode() for ending in ENDINGS)

Item = TypeVar("Item")


@dataclass
class _Scan:
    """One listing of one source on its way into the ledger."""

    work: Work
    asset: str
    source: Source
    look: Look
    started_at: float
    listed: int = 0
    absent: list[int] = field(default_factory=list)
    visited: dict[bytes, set[bytes]] = field(default_factory=dict)
    differing: set[bytes] = field(default_factory=set)
    late: dict[bytes, float] = field(default_factory=dict)
    unsure: bool = False
    unreadable: list[bytes] = field(default_factory=list)
    fresh: set[tuple[bytes, bytes]] = field(default_factory=set)
    present: Present = field(default_factory=Present)
    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)


def scan(work: Work, looks: Mapping[str, Look] | None = None) -> None:
    """List what is to be looked at of each asset, or everything, and record what differs.

    Raises SourceUnavailable where a root is missing or is an empty mount point: nothing is concluded then.
    """
    tally: Counter[str] = Counter()
    if looks is None or not work.trust_filters:
        looks = dict.fromkeys(work.sources, WHOLE)
    for asset, look in looks.items():
        _scan_source(_Scan(work, asset, work.sources[asset], look, started_at=work.clock(), tally=tally))
    if all(look == WHOLE for look in looks.values()):  # else there is nothing that could be compared from run to run
        for name, amount in tally.items():
            work.run.measure(name, amount)
    if not work.trust_filters:
        left = work.ledger.tuples("files_without_source", feed=work.id, assets=list(work.sources))
        for batch in _batches([file for (file,) in left], BATCH):
            _believe_gone(work, batch)
        with work.ledger.write() as transaction:
            transaction.run("remember_settings", feed=work.id, settings=work.settings)
        work.trust_filters = True


def _scan_source(scan: _Scan) -> None:
    work = scan.work
    identity = scan.source.identity()
    roots = json.loads(work.ledger.query("feed_by_id", id=work.id)[0]["roots"])
    before = RootIdentity(*roots[scan.asset][:2]) if scan.asset in roots else None
    if before is not None and before != identity:
        refuse_bare_mount_point(work, scan.asset, scan.source, before, identity)
    if before != identity or scan.source.remote:
        scan.look = WHOLE
    requests = scan.source.list_requests
    for item in _listing(scan):
        work.going()
        if isinstance(item, Unreadable):
            _note_unreadable(scan, item)
        elif isinstance(item, Untakeable):
            _note_untakeable(scan, item)
        elif not item.whole or item.path not in scan.visited:
            _compare(scan, item)
        if len(scan.new) + len(scan.changed) >= BATCH:
            _flush(scan)
    _flush(scan)
    scan.tally["list_requests"] += scan.source.list_requests - requests
    if scan.source.identity() != identity:
        raise SourceUnavailable(f"{scan.source.root} became another folder while it was listed", hint="run again")
    _conclude(scan, before, identity, roots)
    folders = None if scan.look == WHOLE else frozenset(scan.visited)
    changed, unreadable = frozenset(scan.differing), frozenset(scan.unreadable)
    work.looked.append(Looked(scan.asset, scan.started_at, folders, changed, unreadable, scan.late, scan.unsure))


def _listing(scan: _Scan) -> Iterator[Directory | Unreadable | Untakeable]:
    """What is to be looked at; of a folder that is no more, the one above it."""
    descends = scan.work.descends(scan.asset, scan.look)
    if scan.look.folders is None:
        yield from scan.source.listing(b"", descends)
        return
    refused: dict[bytes, Unreadable] = {}
    left = sorted(scan.look.folders, reverse=True)
    while left:
        folder = left.pop()
        if folder in scan.visited or folder in refused:
            continue
        for item in scan.source.listing(folder, descends):
            if folder and isinstance(item, Unreadable) and item.path == folder:
                refused[folder] = item
                left.append(_above(folder))
            else:
                yield item
    for folder, item in refused.items():
        if folder.rpartition(b"/")[2] in scan.visited.get(_above(folder), ()):  # it is there, and can't be read
            yield item


def _above(folder: bytes) -> bytes:
    return folder.rpartition(b"/")[0]


def _conclude(scan: _Scan, before: RootIdentity | None, identity: RootIdentity, roots: dict[str, list[int]]) -> None:
    """The listing is complete: believe what it did not show, as far as the root is the one that was known."""
    work = scan.work
    known = 0
    remote = scan.source.remote
    if before is not None and (before != identity or (remote and not scan.listed)):
        known = work.ledger.query("count_present", feed=work.id, asset=scan.asset)[0]["files"]
    belief = believable(before, identity, scan.listed, known, remote=remote)
    if belief.use == "pause":
        hint = EMPTIED if remote else "mount it, then run again; nothing was lost"
        raise SourceUnavailable(f"{scan.source.root}: {belief.reason}", hint=hint)
    found = [*identity, *([scan.source.root] if scan.asset in work.in_storages else [])]
    if found != roots.get(scan.asset):
        with work.ledger.write() as transaction:
            transaction.run("remember_roots", feed=work.id, roots={**roots, scan.asset: found})
            if before is not None and before.inode == identity.inode:
                devices = {"before": before.device, "now": identity.device}
                transaction.run("move_device", feed=work.id, asset=scan.asset, **devices)
    if belief.use == "use":
        _conclude_absences(scan)


def _compare(scan: _Scan, directory: Directory) -> None:
    """Hold one directory against its rows; what differs is buffered."""
    work = scan.work
    if directory.whole:
        scan.visited[directory.path] = directory.folders
        rows = work.ledger.tuples("known_in_directory", feed=work.id, asset=scan.asset, dir=directory.path)
        known = {row[0]: row[1:] for row in rows}
    else:
        known = known_in_piece(work, scan.asset, directory)
        scan.present.add(row[0] for row in known.values())
    changes = reconcile(directory, known, scan.source.keeps, trust_known=work.trust_filters)
    place = {"feed": work.id, "asset": scan.asset, "dir": directory.path, "first_seen": scan.started_at}
    for name, observation in changes.new:
        if not directory.whole:  # a server may list a file twice, if it is written to meanwhile
            if (directory.path, name) in scan.fresh:
                continue
            scan.fresh.add((directory.path, name))
        columns = _columns(observation, directory.device)
        scan.new.append({**place, "name": name, "untyped": untyped(name), "sidecar": _sidecar_name(name), **columns})
        came = observation.ctime_ns / 1e9
        if directory.whole and came < scan.started_at - YOUNG:
            scan.late[directory.path] = max(came, scan.late.get(directory.path, came))
    for file, observation in changes.changed:
        scan.changed.append({"id": file, **_columns(observation, directory.device)})
    if directory.path not in scan.look.unsure:
        scan.absent.extend(changes.absent)
    elif changes.absent:
        scan.unsure = True
    if changes.new or changes.changed or changes.absent:
        scan.differing.add(directory.path if directory.whole else b"")
    kept = len(directory.files) - changes.excluded
    scan.listed += kept
    scan.tally["listed"] += kept
    scan.tally["excluded"] += changes.excluded + directory.excluded_folders
    scan.tally["special"] += directory.special


def _sidecar_name(name: bytes) -> str:
    """What the file is looked up by where it may be a sidecar; "" for nearly all, so that costs next to nothing."""
    return folded(shown(name)) if name[-5:].lower().endswith(SIDECAR_ENDINGS) else ""


def _columns(observation: Observation, device: int) -> dict[str, Any]:
    return {**observation._asdict(), "device": device}


def _note_unreadable(scan: _Scan, item: Unreadable) -> None:
    scan.unreadable.append(item.path)
    path = scan.source.describe_path(item.path)
    scan.work.run.problem(FileUnreadable(f"the folder {path} can't be listed: {item.reason}"))
    scan.tally["unreadable_folders"] += 1


def _note_untakeable(scan: _Scan, item: Untakeable) -> None:
    if item.path:  # what is known of it is still there, as far as anybody can tell
        scan.present.add(known_at(scan.work, scan.asset, item.path))
    what = f"{scan.source.root}: {plain(item.name)} is not taken: {item.reason}"
    scan.work.run.problem(FileUnreadable(what, hint=item.remedy))
    scan.tally["special"] += 1


def _flush(scan: _Scan) -> None:
    """Write the buffered differences."""
    if scan.look.unsure:
        _leave_what_may_have_moved(scan)
    if not scan.new and not scan.changed:
        return
    work = scan.work
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        transaction.run_many("add_file", ({**row, "at": stamp["now"]} for row in scan.new))
        transaction.run_many("observe_change", ({**row, **stamp} for row in scan.changed))
        if work.feed.metadata.sidecar:  # units that are ready wait for what has come or changed beside them
            describe_again(work, transaction, scan.new)
            changed = [row["id"] for row in scan.changed]
            describe_again(work, transaction, transaction.query("names_of_files", files=changed))
    work.run.count("new", len(scan.new))
    work.run.count("changed", len(scan.changed))
    scan.new.clear()
    scan.fresh.clear()
    scan.changed.clear()


def _leave_what_may_have_moved(scan: _Scan) -> None:
    """Where no event tells of a move, it is told by a listing of both its ends: that is a look at everything."""
    sure = [row for row in scan.new if not scan.work.ledger.query("known_elsewhere", **row)]
    scan.unsure |= len(sure) < len(scan.new)
    scan.new[:] = sure


def _conclude_absences(scan: _Scan) -> None:
    """The listing is complete: what it did not show was renamed or is gone, but for what could not be looked at."""
    unseen = {file for path in scan.unreadable for file in known_as(scan.work, scan.asset, path)}
    absent = [file for file in (*scan.absent, *_in_vanished_folders(scan)) if file not in unseen]
    for batch in _batches(absent, BATCH):
        moved = set() if scan.source.remote else _follow_renames(scan, batch)
        gone = [file for file in batch if file not in moved]
        if gone:
            _believe_gone(scan.work, gone)


def _believe_gone(work: Work, files: list[int]) -> None:
    with work.ledger.write() as transaction:
        code = Code.GONE if work.trust_filters else Code.EXCLUDED
        transaction.run("redecide_units_of_files", files=files)
        describe_again(work, transaction, transaction.query("names_of_files", files=files))
        transaction.run("believe_gone", files=files, code=code, **work.stamp(transaction))
    work.run.count("gone", len(files))


def _in_vanished_folders(scan: _Scan) -> Iterator[int]:
    """Files whose folder the listing never reached, unless it lies in one that could not be read."""
    work = scan.work
    if scan.source.remote:
        yield from not_present(work, scan.asset, scan.present, scan.started_at)
        return
    if scan.look != WHOLE:
        yield from _in_vanished_sub_folders(scan)
        return
    for (directory,) in work.ledger.tuples("known_directories", feed=work.id, asset=scan.asset):
        if directory in scan.visited or any(_inside(directory, folder) for folder in scan.unreadable):
            continue
        for (file,) in work.ledger.tuples("present_in_directory", feed=work.id, asset=scan.asset, dir=directory):
            yield file


def _in_vanished_sub_folders(scan: _Scan) -> Iterator[int]:
    """Files below sub-folders of the folders that were listed, which were not among what these have."""
    work = scan.work
    place = {"feed": work.id, "asset": scan.asset}
    for folder, there in scan.visited.items():
        for child in _known_sub_folders(scan, folder):
            if child.rpartition(b"/")[2] in there or any(_inside(child, below) for below in scan.unreadable):
                continue
            if folder in scan.look.unsure:
                scan.unsure = True
                break
            below = {"dir": child, "low": child + b"/", "high": child + AFTER_SLASH}
            for (file,) in work.ledger.tuples("present_below", **below, **place):
                yield file


def _known_sub_folders(scan: _Scan, folder: bytes) -> Iterator[bytes]:
    """Folders right below this one that have files, or have folders that do; two queries each."""
    prefix = folder + b"/" if folder else b""
    low, high = prefix or b"\0", folder + AFTER_SLASH if folder else LAST
    place = {"feed": scan.work.id, "asset": scan.asset, "high": high}
    told = b""
    while rows := scan.work.ledger.query("next_directory", low=low, **place):
        found = bytes(rows[0]["dir"])
        child = prefix + found[len(prefix) :].partition(b"/")[0]
        if child != told:
            yield child
        told = child
        low = child + (b"\0" if found == child else AFTER_SLASH)  # "a-b" stands between "a" and "a/b"


def _inside(directory: bytes, folder: bytes) -> bool:
    return not folder or directory == folder or directory.startswith(folder + b"/")


def _follow_renames(scan: _Scan, absent: list[int]) -> set[int]:
    """Move the rows of renamed files to their new names; returns the ids that were moved."""
    work = scan.work
    rows = work.ledger.query("rename_candidates", absent=absent, first_seen=scan.started_at)
    shapes = ("id", "device", "token", "size", "mtime_ns")
    old = {row["old_id"]: tuple(row[f"old_{name}"] for name in shapes) for row in rows}
    new = {row["new_id"]: tuple(row[f"new_{name}"] for name in shapes) for row in rows}
    pairs = renames(list(old.values()), list(new.values()))
    for old_id, new_id in pairs:
        with work.ledger.write() as transaction:
            before = transaction.one("file_observation", id=old_id)
            after = transaction.one("file_observation", id=new_id)
            names = f"{shown_path(before)} → {shown_path(after)}"
            transaction.run("redecide_units_of_files", files=[old_id])
            describe_again(work, transaction, [before])
            transaction.run("remove_file", id=new_id)
            transaction.run("rename_file", id=old_id, reason=names, **dict(after), **work.stamp(transaction))
        work.run.count("renamed")
        work.run.count("new", -1)
    return {old_id for old_id, _ in pairs}


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
