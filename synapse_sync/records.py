"""Plain data that passes between the floors: no behaviour, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from synapse_sync.grants import Secrets


class Observation(NamedTuple):
    """What a listing says of one file; two equal observations mean that nobody needs to read it again.

    size in bytes, times in ns since the epoch as the source's own clock has them (0 where it has none), token the
    inode of a local file or the ETag (generation, version) of a remote one.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    token: int | str


FileId = tuple[int, int | str]
"""Which file, whatever it is called: its device and its token."""


@dataclass(slots=True)
class Directory:
    """A complete listing of one directory: every regular file in it, not yet filtered.

    path is relative to the source's root (b"" for the root itself, "/" between parts), names are the raw bytes of the
    file system, device is st_dev (0 for remote sources). special counts sockets, FIFOs and devices, never opened;
    folders are the names of those below that are entered.

    whole: whether these are all of its files; else the listing has more of them elsewhere (a page of a bucket ends
    anywhere), and which are missing shows at its end alone.
    """

    path: bytes
    device: int
    files: dict[bytes, Observation]
    special: int = 0
    excluded_folders: int = 0
    folders: set[bytes] = field(default_factory=set)
    whole: bool = True


class Untakeable(NamedTuple):
    """Something that is listed and can't be one of the source's files, whatever it holds: it is told and left alone.

    path: where it may be a known file or folder all the same, of which nothing is said now; else b"".
    """

    name: str
    reason: str
    remedy: str
    path: bytes = b""


class Unreadable(NamedTuple):
    """A directory that could not be listed: nothing may be concluded about what lies below it."""

    path: bytes
    reason: str


class Look(NamedTuple):
    """What of a source is to be listed: these folders, with all below them that nobody knew yet; None: everything.

    unsure: those of the folders of which what is missing, or may have come from elsewhere, waits for a look at all.
    """

    folders: frozenset[bytes] | None = None
    unsure: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Looked:
    """A listing of one asset that completed: when it began, of which folders (None: all), and what it found.

    changed: folders in which something differed; unreadable: that could not be listed; late: folders with a file that
    was new and yet not young, and when it came (Unix seconds); unsure: whether something waits for a look at all.
    """

    asset: str
    at: float
    folders: frozenset[bytes] | None = None
    changed: frozenset[bytes] = frozenset()
    unreadable: frozenset[bytes] = frozenset()
    late: Mapping[bytes, float] = field(default_factory=dict)
    unsure: bool = False


class RootIdentity(NamedTuple):
    """Which folder a root is (st_dev and st_ino): a mount point without its mount is another folder.

    Of a remote root device is 0, and inode a number for its address: another bucket is another folder.
    """

    device: int
    inode: int


class Digests(NamedTuple):
    """Checksums of one content of `size` bytes, lowercase hexadecimal, from one read.

    sha1 is "" where nobody has read it: then its source vouches for the MD5.
    """

    md5: str
    sha1: str
    size: int


class Ends(NamedTuple):
    """The first bytes of a content (64 KiB of them, or fewer) and its last (ENDS of checksum.py, or all there are)."""

    head: bytes
    tail: bytes


class Reading(NamedTuple):
    """What one read of a file told: its checksums, and how it is broken off or empty, in words ("" where it is not)."""

    digests: Digests
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Spec:
    """A file specification: one slot of the collection. No extensions and an unknown type mean "no restriction"."""

    name: str
    file_type: str = ""
    extensions: tuple[str, ...] = ()  # lowercase, with the leading dot; may have several parts (".nii.gz")
    required: bool = True
    sequential: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """A data collection as far as we need it; meta_schema is its JSON Schema for `meta`, if it has one."""

    id: int
    name: str
    specs: tuple[Spec, ...]
    meta_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StorageSession:
    """How a storage of the server's is reached: its provider's name, and that provider's settings (protocol §9).

    ends: when the credentials end, in seconds since the epoch by our clock; None where that is not told.
    """

    provider: str
    settings: Mapping[str, Any]
    secrets: Secrets
    ends: float | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """What a destination has told of itself, kept by the ledger so that it is asked once; "" is not known yet.

    api: what registrations go through. presigned: the API that issues presigned URLs, or "no", which was said at
    refused_at. checksum: the algorithm of the checksums that confirmations were answered with. found_by: those of
    contents that it had. lookup: where contents are asked for.
    """

    api: Literal["", "v1", "v2"] = ""
    presigned: Literal["", "v1", "v2", "no"] = ""
    checksum: Literal["", "md5", "sha1"] = ""
    found_by: Literal["", "md5", "sha1", "both"] = ""
    lookup: Literal["", "verify_checksums", "data-files"] = ""
    refused_at: float = 0.0


class ContentRef(NamedTuple):
    """How the server calls a content: the checksum to bind units with (verbatim), and its data file's id if told."""

    checksum: str
    data_file: int | None = None


@dataclass(frozen=True, slots=True)
class OutgoingUnit:
    """A unit as it is sent: files maps a spec's name to (server's checksum, relative POSIX path)."""

    id: int
    key: str
    files: Mapping[str, tuple[str, str]]
    meta: Mapping[str, Any]
    sync_key: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """What became of one sent unit.

    created and reused carry the server's id; rejected carries the server's words, and in lacking the checksums that
    it says it does not have; unmentioned means that the answer came and says nothing of the unit, unknown that it was
    lost.
    """

    kind: Literal["created", "reused", "rejected", "unmentioned", "unknown"]
    server_id: int | None = None
    reason: str = ""
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A unit as a listing of its collection shows it; None is what the listing doesn't show.

    created is seconds since the epoch by the server's clock, files maps a spec to the server's checksum, key and
    sync_key are what its meta says of them ("" where the meta has none).
    """

    id: int
    created: float | None = None
    files: Mapping[str, str] | None = None
    key: str | None = None
    sync_key: str | None = None


@dataclass(slots=True)
class UploadProgress:
    """What a resumable upload needs to go on after a restart; filled by the route, kept by the ledger."""

    route: Literal["direct", "chunked", "presigned"] = "direct"
    upload_id: str = ""
    offset: int = 0
    parts: dict[str, Any] = field(default_factory=dict)
