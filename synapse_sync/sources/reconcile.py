"""What a listing changes: pure comparisons of what was seen with what the ledger knows.

Nothing here decides that a file is gone. `absent` only names candidates: the caller believes them once the whole
listing completed and `believable` says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from synapse_sync.records import Directory, Observation, RootIdentity


class KnownFile(NamedTuple):
    """One ledger row of a file; a plain tuple in this order does as well. gone is 0 or 1."""

    id: int
    size: int
    mtime_ns: int
    ctime_ns: int
    token: int | str
    gone: int


KnownRow = tuple[int, int, int, int, int | str, int]


class Changes(NamedTuple):
    """What one directory's listing changes. All empty: nothing is to be written.

    new: kept files that the ledger does not know. changed: rows whose file differs, or was gone and is back. absent:
    rows not gone yet, whose file is not listed or is no longer kept. excluded: files that the filters refuse.
    """

    new: list[tuple[bytes, Observation]]
    changed: list[tuple[int, Observation]]
    absent: list[int]
    excluded: int


def reconcile(
    directory: Directory,
    known: Mapping[bytes, KnownRow],
    keeps: Callable[[bytes, bytes], bool],
    *,
    trust_known: bool,
) -> Changes:
    """Compare one directory's listing with the ledger's rows of that directory, by name.

    keeps(directory, name) asks the filters. With trust_known (the filters are those that the rows were recorded under)
    it is not asked for rows that are not gone; a gone row may be one that the filters took out, so it is asked again.
    An unchanged file costs less than 0.5 µs (benchmarks/walk.py): this runs for every file of every listing.
    """
    new: list[tuple[bytes, Observation]] = []
    changed: list[tuple[int, Observation]] = []
    absent: list[int] = []
    excluded = present = 0
    for name, observed in directory.files.items():
        row = known.get(name)
        if row is None:
            if keeps(directory.path, name):
                new.append((name, observed))
            else:
                excluded += 1
            continue
        present += 1
        gone = row[5]
        if not (trust_known and not gone) and not keeps(directory.path, name):
            excluded += 1
            if not gone:
                absent.append(row[0])
        elif gone or row[1:5] != observed:
            changed.append((row[0], observed))
    if present < len(known):
        absent.extend(row[0] for name, row in known.items() if not row[5] and name not in directory.files)
    return Changes(new, changed, absent, excluded)


class Place(NamedTuple):
    """A file's row with what stays the same when it is renamed; a plain tuple in this order does as well."""

    id: int
    device: int
    token: int | str
    size: int
    mtime_ns: int


PlaceRow = tuple[int, int, int | str, int, int]


def renames(absent: Iterable[PlaceRow], new: Iterable[PlaceRow]) -> list[tuple[int, int]]:
    """Pairs (absent id, new id) that may be one renamed file: same device and inode, same size and modification time.

    One to one: where several absent or several new files fit (hard links), none is paired. Equal digests are for the
    caller to ask for. A remote file has no inode (its token is text or its device 0) and is never paired.
    """
    gone = _by_inode(absent)
    arrived = _by_inode(new)
    return [
        (ids[0], arrived[place][0]) for place, ids in gone.items() if len(ids) == 1 and len(arrived.get(place, ())) == 1
    ]


def _by_inode(rows: Iterable[PlaceRow]) -> dict[tuple[int | str, ...], list[int]]:
    found: dict[tuple[int | str, ...], list[int]] = defaultdict(list)
    for row in rows:
        if row[1] and isinstance(row[2], int):
            found[row[1:]].append(row[0])
    return found


class Belief(NamedTuple):
    """How far a listing is believed, and why not further, in words for the feed's status."""

    use: Literal["use", "use_without_absences", "pause"]
    reason: str = ""


def believable(
    before: RootIdentity | None, now: RootIdentity, files_listed: int, files_known: int, *, remote: bool = False
) -> Belief:
    """Whether a completed listing, and what it did not list, may be believed.

    before is the folder that the last listing saw (None: there was none), now the one that this listing saw;
    files_listed counts the files it found and the filters keep, files_known those of the ledger that are not gone.
    A mount point whose mount is missing is another folder, and an empty one: then the feed pauses. Another folder with
    files in it may be the same share, mounted again: its files count, what is missing does not yet.
    A remote root that lists nothing may be one that was removed and made again, and to many servers a listing that
    failed is an empty one: it is never believed as long as files are known.
    """
    if before is None or not files_known:
        return Belief("use")
    if remote and not files_listed:
        return Belief("pause", f"it lists no file at all, where {files_known} files were known")
    if before == now:
        return Belief("use")
    if not files_listed:
        return Belief("pause", f"another, empty folder is at the place where {files_known} files were known")
    return Belief("use_without_absences", "another folder is at this place than at the last listing")
