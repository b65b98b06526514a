"""Remote places that files come from: reached, listed, and a byte read, with the credentials of whoever runs this."""

from __future__ import annotations

import time
from collections.abc import Iterator

from synapse_sync.config import AssetRoot, scheme_of
from synapse_sync.config.paths import WEB
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import SourceError
from synapse_sync.records import Directory, Observation
from synapse_sync.shown import joined
from synapse_sync.sources.base import Source
from synapse_sync.sources.configured import source_of

AREA = "folder"

LOOKED_AT = 1000  # files that are looked at: a page of a bucket
MOST = 10_000  # where none of them is kept

_TOLD_BY = {
    "s3": "their ETags",
    "gs": "their generations",
    "az": "their ETags",
    "sftp": "size and time, twice: SFTP knows no better",
    "smb": "size, times and number",
    **dict.fromkeys(
        ("ftp", "ftps"), "size and time, and the number where the server tells it, twice: FTP knows no better"
    ),
    **dict.fromkeys(WEB, "their ETags, or size and time, and all are seen twice"),
}
_UNNAMED = "size and time alone: the service names no ETags"


def remotes(situation: Situation) -> Iterator[Finding]:
    """Each remote place of each feed; no more than the beginning of it is listed."""
    for feed, root in situation.remote_roots():
        try:
            yield from _looked_at(root, feed.name)
        except SourceError as error:
            yield problem(AREA, "readable", error.message, error.hint, feed.name)


def _looked_at(root: AssetRoot, feed: str) -> Iterator[Finding]:
    source, began = source_of(root), time.monotonic()
    found = _first(source)
    words = f"{root.path} can be listed; its first files came after {time.monotonic() - began:.2f} s"
    yield well(AREA, "readable", words, feed)
    if found is None:
        yield warning(AREA, "contents", f"{root.path}: none of its first files is taken", "correct path", feed)
        return
    path, observed = found
    with source.open_observed(path, observed) as stream:
        stream.read(1)
    scheme = scheme_of(root.path)
    told = _TOLD_BY[scheme] if observed.token or source.certain_after else _UNNAMED
    yield well(AREA, "contents", f"{source.describe_path(path)} can be read; changes are told by {told}", feed)


def _first(source: Source) -> tuple[bytes, Observation] | None:
    """Of the first files, one that the filters keep; the smallest, as it is read."""
    kept: list[tuple[int, bytes, Observation]] = []
    looked_at = 0
    for item in source.listing():
        if isinstance(item, Directory):
            looked_at += len(item.files)
            for name, observed in item.files.items():
                if source.keeps(item.path, name):
                    kept.append((observed.size, joined(item.path, name), observed))
        if (kept and looked_at >= LOOKED_AT) or looked_at >= MOST:
            break
    smallest = min(kept, default=None, key=lambda one: one[:2])
    return None if smallest is None else smallest[1:]
