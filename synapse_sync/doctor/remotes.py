"""Remote places that files come from: reached, listed, and a byte read, with the credentials of whoever runs this."""

from __future__ import annotations

import time
from collections.abc import Iterator

from synapse_sync.config import AssetRoot
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import SourceError
from synapse_sync.records import Directory, Observation
from synapse_sync.shown import joined
from synapse_sync.sources.base import Source
from synapse_sync.sources.configured import source_of

AREA = "folder"


def remotes(situation: Situation) -> Iterator[Finding]:
    """Each remote place of each feed; no more than one page of it is listed."""
    for feed, root in situation.remote_roots():
        try:
            yield from _looked_at(root, feed.name)
        except SourceError as error:
            yield problem(AREA, "readable", error.message, error.hint, feed.name)


def _looked_at(root: AssetRoot, feed: str) -> Iterator[Finding]:
    source, began = source_of(root), time.monotonic()
    found = _first(source)
    words = f"{root.path} can be listed; its first page came after {time.monotonic() - began:.2f} s"
    yield well(AREA, "readable", words, feed)
    if found is None:
        yield warning(AREA, "contents", f"{root.path}: nothing in its first page is taken", "correct path", feed)
        return
    path, observed = found
    with source.open_observed(path, observed) as stream:
        stream.read(1)
    token = "told by their ETags" if observed.token else "told by size and time alone: the service names no ETags"
    yield well(AREA, "contents", f"{source.describe_path(path)} can be read; changes are {token}", feed)


def _first(source: Source) -> tuple[bytes, Observation] | None:
    """A file of the first page that the filters keep; the smallest, as it is read."""
    kept: list[tuple[int, bytes, Observation]] = []
    for item in source.listing():
        if source.list_requests > 1:
            break
        if isinstance(item, Directory):
            for name, observed in item.files.items():
                if source.keeps(item.path, name):
                    kept.append((observed.size, joined(item.path, name), observed))
    smallest = min(kept, default=None, key=lambda one: one[:2])
    return None if smallest is None else smallest[1:]
