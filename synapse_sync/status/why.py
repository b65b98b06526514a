"""One file's whole story: what takes it or leaves it, what became of it and of its unit. Plain data, read only."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Sequence
from typing import Any

from synapse_sync.config import Feed
from synapse_sync.config.paths import below_root, is_remote
from synapse_sync.errors import UsageError
from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.matching import Evidence
from synapse_sync.grouping.metadata_files import MetadataFiles, WithMetadata
from synapse_sync.grouping.places import Choice, Place
from synapse_sync.ledger import Ledger, Row
from synapse_sync.shown import raw, shown
from synapse_sync.sources.filters import Filters
from synapse_sync.status.roots import known_roots
from synapse_sync.status.stories import file_story_of, unit_story
from synapse_sync.steps.infer import known_choice
from synapse_sync.steps.specs import remembered_collection

BY = {
    Evidence.ASSET: "the asset that it lies in",
    Evidence.RULE: "a rule",
    Evidence.FOLDER: "the name of a folder",
    Evidence.FILE_NAME: "its name",
    Evidence.EXTENSION: "its extension, or its content where that says nothing",
}


def why(ledger: Ledger, feeds: Sequence[Feed], path: str) -> list[dict[str, Any]]:
    """What each feed makes of a path, relative to its root or absolute.

    Each is {"feed", "asset", "path", "excluded", "grouping", "place", "file", "unit"}. excluded: the filter that leaves
    it out, in words. place: its unit key, its specifications and what they were told by, or why it belongs to no unit.
    file and unit: their stories, None where there is none yet. Raises UsageError where the path lies in no feed, or a
    relative one is nowhere known.
    """
    told = [story for feed in feeds for story in _of_feed(ledger, feed, path)]
    if not told:
        whole = os.path.isabs(path) or is_remote(path)
        where = "lies below no feed's folder" if whole else "is known to no feed"
        roots = [root for feed in feeds for root in known_roots(ledger, feed).values()]
        unlisted = [root.shown for root in roots if root.storage is not None]
        hint = "`synapse-sync files` lists what is known; give the path in full"
        if unlisted:
            hint = f"the server has to say where {' and '.join(unlisted)} is: `once` asks it; {hint}"
        raise UsageError(f"{path} {where}", hint=hint)
    return told


def _of_feed(ledger: Ledger, feed: Feed, path: str) -> Iterator[dict[str, Any]]:
    rows = ledger.query("feed_by_name", name=feed.name)
    whole = os.path.isabs(path) or is_remote(path)
    for asset, root in known_roots(ledger, feed).items():
        relative = below_root(path, root.path)
        if relative is None or (whole and root.storage is not None):
            continue
        name = raw(relative)
        directory, _, base = name.rpartition(b"/")
        known = ledger.query("find_file", dir=directory, name=base) if rows else []
        found = next((row for row in known if (row["feed"], row["asset"]) == (feed.name, asset)), None)
        is_there = root.storage is None and os.path.lexists(os.path.join(root.path, relative))
        if found is None and not (whole or is_there):
            continue
        filters = Filters(root.include, root.exclude)
        yield {
            "feed": feed.name,
            "asset": asset,
            "path": shown(name),
            "excluded": filters.explain(name, is_dir=os.path.isdir(os.path.join(os.fsencode(root.path), name))),
            **_placed(feed, rows[0] if rows else None, asset, shown(name), found),
            "file": file_story_of(ledger, found) if found is not None else None,
            "unit": _unit(ledger, found),
        }


def _unit(ledger: Ledger, found: Row | None) -> dict[str, Any] | None:
    if found is None or found["unit"] is None:
        return None
    versions = unit_story(ledger, f"{found['feed']}:{found['unit']}")
    return next((unit for unit in versions if unit["version"] == found["unit_version"]), None)


def _placed(feed: Feed, row: Row | None, asset: str, path: str, found: Row | None) -> dict[str, Any]:
    """How the feed groups, and where the path belongs by that; unknown until a run has seen the collection."""
    choice = known_choice(feed, row) if row is not None and row["collection"] else None
    if choice is None or row is None:
        return {"grouping": None, "place": None}
    specs = remembered_collection(row["collection"]).specs
    layout = WithMetadata(layout_for(choice, specs), MetadataFiles(sidecars=feed.metadata.sidecar))
    kinds = tuple(found["detected"].split()) if found is not None else ()
    return {"grouping": _grouping(choice), "place": _told(layout.place(asset, path, kinds))}


def _grouping(choice: Choice) -> str:
    return f"by directory, depth {choice.depth}" if choice.by == "directory" else f"by {choice.by}"


def _told(place: Place) -> dict[str, Any]:
    return {
        "key": place.key or None,
        "specs": list(place.specs),
        "told_by": BY.get(place.evidence, ""),
        "aside": place.aside,
        "reason": place.reason,
    }
