"""The feed's metadata table: found or named, read anew when it has changed and settled, its rows kept in the ledger.

Units are described only once the table that is there has been read. One that can't be read pauses the feed: no unit
goes without its metadata.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, BinaryIO, cast

from synapse_sync.config.paths import is_remote
from synapse_sync.errors import FeedPaused, FileChanged, SourceError
from synapse_sync.grouping.names import TABLE_NAMES, split_extension
from synapse_sync.ledger import Row
from synapse_sync.metadata.lookup import best_column
from synapse_sync.metadata.tables import key_of, row_key
from synapse_sync.records import Observation
from synapse_sync.shown import shown
from synapse_sync.sources.base import Source
from synapse_sync.sources.facts import observation as observed_in
from synapse_sync.sources.local import LocalSource
from synapse_sync.states import FileState
from synapse_sync.steps.rest import table_awaits_rest
from synapse_sync.steps.rows import observation, raw_path, shown_path
from synapse_sync.steps.table_away import TableAway
from synapse_sync.steps.table_state import TableInUse
from synapse_sync.steps.work import Work

READING_SECONDS = 300.0
MOST_COPIED = 256 << 20  # bytes of a remote table, on this machine's disk while it is read
SAMPLE, MOST_UNITS = 2000, 100_000  # rows and units that are compared to find the key column
PREFERRED = (".xlsx", ".xls", ".ods", ".csv", ".tsv")


@dataclass(frozen=True)
class _TableFile:
    """The table's file as it is now; row: of file_as_observed, if it is one of the feed's files."""

    name: str
    source: Source
    path: bytes
    observed: Observation
    settled: bool
    row: Row | None = None

    def opened(self) -> AbstractContextManager[BinaryIO]:
        return self.source.open_observed(self.path, self.observed)


def read_table(work: Work) -> int:
    """Read the feed's table if it is not the one that was read; returns 1 if units can be described that could not.

    Raises FeedPaused where it is not there although the config names it, or can't be read.
    """
    known = json.loads(work.ledger.query("feed_by_id", id=work.id)[0]["metadata_table"] or "null")
    file = _table_file(work)
    waited = work.table.pending
    if file is None:
        return _without_table(work, known, waited=waited)
    if not file.settled:
        work.table.pending = True
        return 0
    identity = [file.name, *file.observed, work.feed.metadata.key_column]
    if known and known["identity"] == identity and "gone_at" not in known:
        work.table.pending, work.table.in_use = False, TableInUse(**known["table"])
        return int(waited)
    try:
        if file.row is not None and table_awaits_rest(work, file.row):
            work.table.pending = True
            return 0
        table, rows = _read(work, file)
    except (FileChanged, _NoUnits):
        work.table.pending = True  # looked at again when it has settled, and when there are units
        return 0
    except (SourceError, _Unusable) as error:
        hint = "correct the table, or name another one in [feeds.metadata] table"
        raise FeedPaused(f"feed {work.feed.name}: its table {file.name} {error}", hint=hint) from error
    work.table.pending, work.table.in_use = False, table
    work.run.measure("table_rows", len(rows))
    return _store(work, {"identity": identity, "table": asdict(table)}, rows)


def _without_table(work: Work, known: dict[str, Any] | None, *, waited: bool) -> int:
    """There is no table (any more): one that is saved under a new name is away for a moment, and is waited for."""
    if known is None:
        work.table.pending, work.table.in_use = False, None
        return int(waited)
    now = work.clock()
    gone_at = known.setdefault("gone_at", now)
    if now - gone_at < work.certain(0.0):
        work.table.pending = True
        with work.ledger.write() as transaction:
            transaction.run("remember_table", feed=work.id, table=json.dumps(known))
        return 0
    work.table.pending, work.table.in_use = False, None
    return _store(work, None, [])


def table_settles_at(work: Work) -> float | None:
    """When a table that no listing shows will have settled; None where none is waited for."""
    with suppress(FeedPaused):
        _table_file(work)
    return work.table.settles_at


def named_table(work: Work) -> str:
    """The absolute path or URL of the table that the config names, "" where it names none.

    A relative one lies below the root of the feed's storage, if it has one, else below its first root.
    """
    table = os.path.expanduser(work.feed.metadata.table)
    root = work.table_root.path if work.table_root is not None else next(iter(work.sources.values())).root
    if table and is_remote(root) and not os.path.isabs(table):
        return f"{root}/{os.path.normpath(table)}"
    return os.path.normpath(os.path.join(root, table)) if table else ""


def table_below(work: Work) -> tuple[str, str] | None:
    """(asset, path) of the table that the config names, where it lies below one of the feed's roots."""
    path = named_table(work)
    for asset, source in work.sources.items():
        root = source.root.rstrip("/") + "/"
        if path.startswith(root):
            return asset, path.removeprefix(root)
    return None


class _Unusable(Exception):
    """The table can't be used; the message completes "its table X …"."""


class _NoUnits(Exception):
    """There are no units yet by which the key column could be told."""


def _table_file(work: Work) -> _TableFile | None:
    """The table as it is now; None where there is none. Raises FeedPaused where one is named and not there."""
    if work.feed.metadata.table and table_below(work) is None:
        return _outside(work)
    table = work.table
    listed_at = max((looked.at for looked in work.looked), default=0.0)
    if table.looked_at != listed_at:
        table.looked_at, table.file = listed_at, _find(work)
    rows = work.ledger.query("file_as_observed", id=table.file) if table.file is not None else []
    if not rows or rows[0]["state"] not in (FileState.METADATA, FileState.SEEN, FileState.SETTLED):
        return _outside(work) if work.feed.metadata.table else None  # the filters may leave it out of the listing
    (row,) = rows
    settled = row["state"] == FileState.METADATA
    return _TableFile(shown_path(row), work.sources[row["asset"]], raw_path(row), observation(row), settled, row)


def _find(work: Work) -> int | None:
    """The id of the file that the config names, or whose name says that it is a table; the best of several names."""
    if place := table_below(work):
        asset, path = place
        folder, _, name = os.fsencode(path).rpartition(b"/")
        found = work.ledger.query("file_by_place", feed=work.id, asset=asset, dir=folder, name=name)
        return found[0]["id"] if found else None
    rows: list[Row] = []
    for asset in work.sources:
        rows += work.ledger.query("tables_in_root", feed=work.id, asset=asset, names=sorted(TABLE_NAMES))
    best = min(rows, key=_preference, default=None)
    return None if best is None else best["id"]


def _preference(row: Row) -> tuple[int, str]:
    name = str(row["text"]).lower()
    return PREFERRED.index(split_extension(name, ())[1]), name


def _outside(work: Work) -> _TableFile:
    """A table that no listing shows: its own times say whether it has settled."""
    if is_remote(named_table(work)):
        return _away(work)
    path = os.fsencode(os.path.realpath(named_table(work)))
    source = LocalSource(os.fsdecode(os.path.dirname(path)))
    try:
        found = observed_in(os.stat(path))
    except OSError as error:
        raise _missing(work, f": {error.strerror}") from error
    settles_at = max(found.mtime_ns, found.ctime_ns) / 1e9 + work.certain(0.0)
    now = work.clock()
    work.table.settles_at = settles_at if now < settles_at <= now + work.certain(0.0) else None
    return _TableFile(shown(path), source, os.path.basename(path), found, settled=work.table.settles_at is None)


def _away(work: Work) -> _TableFile:
    """One in a remote place, looked for after each listing of the feed."""
    table, url, now = work.table, named_table(work), work.clock()
    assert work.table_root is not None
    if table.away is None or table.away.url != url:
        table.away = TableAway(work.table_root, url)
    away = table.away
    away.look(max((looked.at for looked in work.looked), default=0.0), now)
    if away.observed is None:
        raise _missing(work)
    settle = work.certain(away.source.certain_after)
    settles_at = away.since + settle
    table.settles_at = settles_at if now < settles_at <= now + settle else None
    return _TableFile(url, away.source, away.name, away.observed, settled=table.settles_at is None)


def _missing(work: Work, why: str = "") -> FeedPaused:
    return FeedPaused(
        f"feed {work.feed.name}: its table {named_table(work)} is not there{why}",
        hint="put it there; units go when it can be read",
    )


def _read(work: Work, file: _TableFile) -> tuple[TableInUse, list[tuple[int, str, str]]]:
    """The table, and its rows as (number, key, cells in JSON). Raises _Unusable or SourceError."""
    if file.source.remote and file.observed.size > MOST_COPIED:
        raise _Unusable(f"has {file.observed.size >> 20:,} MiB, and {MOST_COPIED >> 20} MiB are read")
    with file.opened() as stream, _with_descriptor(stream, copied=file.source.remote) as content:
        lines = _lines(content, split_extension(file.name.lower(), ())[1], work.feed.metadata.key_column)
    head = lines[0]
    if "error" in head:
        raise _Unusable(head["error"])
    parsed: list[tuple[int, dict[str, Any]]] = [(number, cells) for number, cells in lines[1:-1]]
    key_column = key_of(head["columns"], work.feed.metadata.key_column) or _guessed(work, head["columns"], parsed)
    rows = [
        (number, row_key(cells[key_column]), json.dumps(cells, ensure_ascii=False))
        for number, cells in parsed
        if key_column in cells
    ]
    return TableInUse(file.name, head["sheet"], key_column), rows


@contextmanager
def _with_descriptor(stream: BinaryIO, *, copied: bool) -> Iterator[BinaryIO]:
    """The table as another process can read it: as it is, or in a file that nobody else sees and that goes away."""
    if not copied:
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def _lines(stream: BinaryIO, ending: str, key_column: str) -> list[Any]:
    """What a process of its own makes of the table: its lines, whole. Raises _Unusable."""
    command = [sys.executable, "-P", "-m", "synapse_sync.metadata.table_process", ending, key_column]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, stdin=stream, capture_output=True, timeout=READING_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _Unusable(f"took more than {READING_SECONDS:.0f} s to read") from None
    lines = [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []
    if lines and "error" in lines[-1]:
        raise _Unusable(lines[-1]["error"])
    if not lines or "rows" not in lines[-1]:
        raise _Unusable("ended the process that read it: it is damaged, or takes too much memory or time")
    return lines


def _guessed(work: Work, columns: list[str], rows: list[tuple[int, dict[str, Any]]]) -> str:
    """The column that names units most often. Raises _Unusable where none does, _NoUnits where there are none."""
    names: set[str] = set()
    if work.ledger.query("files_to_place", feed=work.id, detects=False, limit=1):
        raise _NoUnits  # more units are on their way
    for row in work.ledger.query("names_of_units", feed=work.id, limit=MOST_UNITS):
        base = row["path"].rpartition("/")[2]
        names |= {row_key(name) for name in (row["key"], row["path"], base, base.partition(".")[0])}
    if not names:
        raise _NoUnits
    there = [column for column in columns if column]
    found = best_column(there, (cells for _, cells in islice(rows, SAMPLE)), frozenset(names))
    if found is None:
        raise _Unusable(f"has no column that names the units; set key_column to one of: {', '.join(there)}")
    return found


def _store(work: Work, table: dict[str, Any] | None, rows: list[tuple[int, str, str]]) -> int:
    with work.ledger.write() as transaction:
        transaction.run("forget_rows", feed=work.id)
        transaction.run_many("add_row", _parameters(work.id, rows))
        transaction.run("remember_table", feed=work.id, table=json.dumps(table) if table else "")
        transaction.run("describe_all_again", feed=work.id, **work.stamp(transaction))
        transaction.run("doubt_meta", feed=work.id)
    return 1


def _parameters(feed: int, rows: list[tuple[int, str, str]]) -> Iterator[dict[str, Any]]:
    return ({"feed": feed, "row": number, "key": key, "cells": cells} for number, key, cells in rows)
