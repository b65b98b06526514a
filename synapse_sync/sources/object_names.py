"""What the keys of a bucket mean as files below a prefix. Pure.

A key is any text, and a server keeps "a", "a/b", "a//b", "../up" and "/a" side by side. A file's path has parts between
slashes, none empty, "." or "..". A key that is no such path is no file here: nothing is made of it that could be taken
for another one, or for something outside. It is told, with what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.shown import shown

_LARGEST = (1 << 63) - 1  # what a ledger can hold
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RENAME = "rename the object, or leave it out with exclude"


class File(NamedTuple):
    """A key that is a file's path: its directory and its name."""

    directory: bytes
    name: bytes


class NoFile(NamedTuple):
    """A key that is none, and why; "" for what marks a folder, which is nothing to tell."""

    reason: str
    remedy: str = RENAME


def meaning(key: bytes, prefix: bytes, size: int) -> File | NoFile:
    """What a listed key is below the prefix, which it begins with."""
    path = key[len(prefix) :]
    if path.endswith(b"/") or not path:
        return NoFile("" if not size else "its name ends with a slash, as that of a folder, and it has content")
    try:
        path.decode()
    except UnicodeDecodeError:
        return NoFile("its name is not UTF-8, so that it can't be asked for")
    parts = path.split(b"/")
    if b"" in parts:
        empty = "begins with a slash" if not parts[0] else "has two slashes in a row"
        return NoFile(f"its name {empty}: a folder without a name")
    if b"." in parts or b".." in parts:
        return NoFile('its name has "." or ".." for a folder, which means another place')
    if b"\0" in path:
        return NoFile("its name has a NUL character")
    directory, _, name = path.rpartition(b"/")
    return File(directory, name)


def pieces(found: Iterable[tuple[bytes, Observation]], prefix: bytes) -> Iterator[Directory | Untakeable]:
    """What a page of a listing holds, by directories, and the keys that are no files.

    Raises SourceUnavailable where it can't be what the service has: a file that was known would count as deleted.
    """
    directories: dict[bytes, Directory] = {}
    for key, observed in found:
        if not 0 <= observed.size <= _LARGEST:
            hint = "correct endpoint_url in [feeds.remote] if it is always so; else it is listed again later"
            raise SourceUnavailable(f"{shown(key[:200])} has {observed.size} bytes there, as no file can", hint=hint)
        if not key.startswith(prefix):
            yield Untakeable(shown(key), "it was not asked for: the service lists what lies outside of the prefix", "")
            continue
        means = meaning(key, prefix, observed.size)
        if isinstance(means, NoFile):
            if means.reason:
                yield Untakeable(shown(key[len(prefix) :]), means.reason, means.remedy)
            continue
        directory = directories.get(means.directory)
        if directory is None:
            directory = directories[means.directory] = Directory(means.directory, 0, {}, whole=False)
        directory.files[means.name] = observed
    yield from directories.values()


def nanoseconds(moment: datetime) -> int:
    """A time that a listing tells, exactly; it is the service's, and only ever compared with itself.

    One before 1678 or after 2262 is that limit: services write the year 1 where they know no time.
    """
    passed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    whole = (passed.days * 86400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000
    return max(-_LARGEST, min(_LARGEST, whole))
