"""Lists of files, units and runs, and the whole story of one of them, as plain data (documented in docs/json.md)."""

from __future__ import annotations

import json
import os.path
from collections.abc import Sequence
from typing import Any

from synapse_sync.config.paths import below_root, is_remote
from synapse_sync.errors import UsageError
from synapse_sync.ledger import Ledger, Row
from synapse_sync.metadata.automatic import SYNC_KEY
from synapse_sync.metadata.changes import differences
from synapse_sync.shown import raw
from synapse_sync.status.snapshot import moment, path_of, run_record


def list_files(ledger: Ledger, *, feed: str | None, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Files in order of their paths: feed, asset, path, size, state, reason, unit."""
    rows = ledger.query("list_files", feed=feed_id(ledger, feed), state=state, limit=limit)
    return [
        {
            "feed": row["feed"],
            "asset": row["asset"],
            "path": path_of(row),
            "size": row["size"],
            "state": row["state"],
            "reason": row["reason"],
            "unit": _unit_name(row),
        }
        for row in rows
    ]


def list_units(
    ledger: Ledger, *, feed: str | None, state: str | None, limit: int, meta_changed: bool = False
) -> list[dict[str, Any]]:
    """Units in order of their keys, each with what docs/json.md says of `units`.

    meta_changed: only registered ones whose metadata differs from what was sent.
    """
    wanted = {"feed": feed_id(ledger, feed), "state": state, "meta_changed": meta_changed}
    rows = ledger.query("list_units", **wanted, limit=limit)
    names = ("feed", "key", "version", "state", "reason", "files", "server_id", "outcome")
    return [
        {
            **{name: row[name] for name in names},
            "registered_at": moment(row["registered_at"]),
            "meta_changes": _meta_changes(row),
        }
        for row in rows
    ]


def list_runs(ledger: Ledger, *, feed: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    return [run_record(row) for row in ledger.query("last_runs", feed=feed_id(ledger, feed), limit=limit)]


def run_story(ledger: Ledger, run: int) -> dict[str, Any]:
    """One run; UsageError if there is none."""
    rows = ledger.query("run_by_id", id=run)
    if not rows:
        raise UsageError(f"there is no run {run}", hint="`synapse-sync runs` lists them; old ones are summed up by day")
    return run_record(rows[0])


def file_story(ledger: Ledger, path: str, roots: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Everything known of the file at this path, once for each feed that has it; UsageError if none has.

    path is relative to a feed's root, or absolute: then it is held against `roots`, (feed, root) pairs.
    """
    found = [story for row in _rows_at(ledger, path, roots) for story in [file_story_of(ledger, row)]]
    if not found:
        raise UsageError(f"no feed has a file {path}", hint="`synapse-sync files` lists them; give the path as listed")
    return found


def unit_story(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    """Everything known of a unit, each version; UsageError if there is none or its key is not unique."""
    return [_unit_story(ledger, row) for row in find_units(ledger, name)]


def find_units(ledger: Ledger, name: str) -> list[Row]:
    """All versions of the unit called FEED:KEY, or KEY where it is unique."""
    feeds = {row["name"] for row in ledger.query("all_feeds")}
    prefix, _, rest = name.partition(":")
    rows = ledger.query("find_units", key=rest, feed=prefix) if rest and prefix in feeds else []
    rows = rows or ledger.query("find_units", key=name, feed=None)
    if not rows:
        raise UsageError(f"there is no unit {name}", hint="`synapse-sync units` lists them")
    owners = sorted({row["feed"] for row in rows})
    if len(owners) > 1:
        choices = ", ".join(f"{owner}:{name}" for owner in owners)
        raise UsageError(f"several feeds have a unit {name}", hint=f"say which: {choices}")
    return rows


def feed_id(ledger: Ledger, name: str | None) -> int | None:
    """The row id of a feed; UsageError if the ledger doesn't know it."""
    if name is None:
        return None
    rows = ledger.query("feed_by_name", name=name)
    if not rows:
        known = ", ".join(row["name"] for row in ledger.query("all_feeds")) or "none yet"
        raise UsageError(f"the ledger knows no feed {name}", hint=f"it knows: {known}")
    return int(rows[0]["id"])


def _rows_at(ledger: Ledger, path: str, roots: Sequence[tuple[str, str]]) -> list[Row]:
    candidates: list[tuple[str | None, str]] = [(None, path)]
    if os.path.isabs(path) or is_remote(path):
        candidates = [(feed, name) for feed, root in roots if (name := below_root(path, root)) is not None]
    rows = []
    for feed, name in candidates:
        directory, _, base = raw(name).rpartition(b"/")
        rows += [
            row for row in ledger.query("find_file", dir=directory, name=base) if feed is None or row["feed"] == feed
        ]
    return list({row["id"]: row for row in rows}.values())


def file_story_of(ledger: Ledger, row: Row) -> dict[str, Any]:
    """The story of one file, from its row in find_file."""
    times = {name: moment(row[name]) for name in ("first_seen", "observed_at")}
    names = ("feed", "asset", "size", "mtime_ns", "state", "reason", "attempts", "md5", "sha1", "content_state")
    return {
        "path": path_of(row),
        **{name: row[name] for name in names},
        **times,
        "next_attempt": moment(row["not_before"] or None),
        "read": bool(row["read_revision"]) and row["read_revision"] == row["revision"],
        "unit": _unit_name(row),
        "unit_state": row["unit_state"],
        "unit_reason": row["unit_reason"],
        "server_id": row["server_id"],
        "server_checksum": row["server_checksum"],
        "data_file": row["data_file"],
        "history": _history(ledger, "file", row["id"]),
    }


def _unit_story(ledger: Ledger, row: Row) -> dict[str, Any]:
    files = [
        {
            "spec": file["spec"],
            "path": file["path"],
            "size": file["size"],
            "state": file["state"],
            "md5": file["md5"],
            "sha1": file["sha1"],
            "content_state": file["content_state"],
            "server_checksum": file["server_checksum"],
            "data_file": file["data_file"],
        }
        for file in ledger.query("details_of_unit_files", unit=row["id"])
    ]
    others = [
        {"path": path_of(file), "size": file["size"], "state": file["state"], "reason": file["reason"]}
        for file in ledger.query("other_files_of_unit", unit=row["id"])
    ]
    intents = [
        {**dict(intent), "created_at": moment(intent["created_at"]), "resolved_at": moment(intent["resolved_at"])}
        for intent in ledger.query("intents_of_unit", unit=row["id"])
    ]
    plain = (
        "feed",
        "key",
        "version",
        "state",
        "reason",
        "destination",
        "collection",
        "server_id",
        "outcome",
        "attempts",
    )
    times = ("created_at", "changed_at", "completed_at", "registered_at")
    return {
        **{name: row[name] for name in plain},
        "fingerprint": row["fingerprint"],
        **{name: moment(row[name]) for name in times},
        "decided_again_at": moment(row["decide_at"]),
        "next_attempt": moment(row["not_before"] or None),
        "groups": json.loads(row["groups"]),
        **_meta(row),
        "meta_changes": _meta_changes(row),
        "files": files,
        "other_files": others,
        "intents": intents,
        "history": _history(ledger, "unit", row["id"]),
    }


def _meta_changes(row: Row) -> list[str]:
    """How a registered unit's metadata differs from what was sent, and why the server can't have it, in words."""
    if not row["pending"]:
        return []
    pending = json.loads(row["pending"])
    before = {name: value for name, value in json.loads(row["meta"]).items() if name != SYNC_KEY}
    return [pending["problem"]] if pending["problem"] else differences(before, pending["meta"])


def _meta(row: Row) -> dict[str, Any]:
    """A unit's meta, where each value came from, and what was overruled."""
    return {name: json.loads(row[name.removeprefix("meta_")]) for name in ("meta", "meta_sources", "meta_overruled")}


def _history(ledger: Ledger, kind: str, ref: int) -> list[dict[str, Any]]:
    """Each change; an old one stands for so many `times`, of which the first was at `since`."""
    times = ("at", "since")
    return [
        {**dict(row), **{name: moment(row[name]) for name in times}}
        for row in ledger.query("history_of", kind=kind, ref=ref)
    ]


def _unit_name(row: Row) -> str | None:
    if row["unit"] is None:
        return None
    name = f"{row['feed']}:{row['unit']}"
    return name if row["unit_version"] == 1 else f"{name} (version {row['unit_version']})"
