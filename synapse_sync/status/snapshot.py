"""What the ledger says of each feed, as plain data: counts, the account of every file, what needs attention.

Reads named queries only, changes nothing. The dictionaries are what `status --json` prints: their shape is documented
in docs/json.md and stays.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from synapse_sync.ledger import Ledger, Row
from synapse_sync.shown import shown_name
from synapse_sync.states import ACCOUNTS
from synapse_sync.status.words import audited_in_words, many

ATTENDED = ("units_needing_attention", "units_in_trouble")
ATTENTION = 20  # things needing attention that are listed one by one; the counts have them all


def snapshot(ledger: Ledger, configured: Collection[str], feeds: Sequence[str] = ()) -> dict[str, Any]:
    """The ledger's state: {"ledger", "feeds": [one dictionary each, see feed_snapshot(), and "configured"]}.

    configured: the feeds that the config has; others are remembered, but need nobody's attention.
    """
    rows = [row for row in ledger.query("all_feeds") if not feeds or row["name"] in feeds]
    found = [{**feed_snapshot(ledger, row), "configured": row["name"] in configured} for row in rows]
    return {"ledger": str(ledger.path), "feeds": found}


def feed_snapshot(ledger: Ledger, feed: Row) -> dict[str, Any]:
    """One feed as docs/json.md has it under `status`."""
    accounts = account(ledger, feed["id"])
    files = {row["state"]: row["files"] for row in ledger.query("file_states", feed=feed["id"])}
    units = {row["state"]: row["units"] for row in ledger.query("unit_states", feed=feed["id"])}
    to_send = ledger.query("bytes_to_send", feed=feed["id"])[0]
    runs = ledger.query("last_runs", feed=feed["id"], limit=1)
    audits = [_audit_record(row) for row in ledger.query("audit_of", feed=feed["id"])]
    grouping = json.loads(feed["grouping"]) if feed["grouping"] else {}
    return {
        "name": feed["name"],
        "paused": feed["paused"],
        "grouping": grouping.get("summary", ""),
        "files": files,
        "units": units,
        "account": accounts,
        "to_send": {"contents": to_send["contents"], "bytes": to_send["bytes"]},
        "waiting": _waiting(ledger, feed["id"]),
        "attention": attention(ledger, feed["id"]),
        "last_run": run_record(runs[0]) if runs else None,
        "last_audit": audits[0] if audits else None,
    }


def account(ledger: Ledger, feed: int) -> dict[str, int]:
    """Each file counted once: seen = registered + in_progress + aside; bytes are those of registered units' files."""
    counts = {"seen": 0, "registered": 0, "in_progress": 0, "aside": 0, "registered_bytes": 0}
    for row in ledger.query("file_accounts", feed=feed):
        name = next((name for name, states in ACCOUNTS.items() if row["state"] in states), None)
        counts["seen"] += row["files"]
        if name is not None:
            counts[name.replace(" ", "_")] += row["files"]
        if name == "registered":
            counts["registered_bytes"] += row["bytes"]
    return counts


def balanced(counts: Mapping[str, int]) -> bool:
    """Whether every file that was seen is accounted for."""
    return counts["seen"] == counts["registered"] + counts["in_progress"] + counts["aside"]


def needs_attention(feed: Mapping[str, Any]) -> bool:
    """Whether something of this feed is held, incomplete or failed, or the feed is paused (exit code 1)."""
    waits = bool(feed["paused"] or feed["attention"] or not balanced(feed["account"]))
    return waits and bool(feed.get("configured", True))


def run_record(row: Row) -> dict[str, Any]:
    """A run as data: id, feed, started_at, finished_at (UTC, ISO 8601), counts, problems, times (it stands for)."""
    return {
        "id": row["id"],
        "feed": row["feed"],
        "started_at": moment(row["started_at"]),
        "finished_at": moment(row["finished_at"]),
        "counts": json.loads(row["counts"]),
        "problems": json.loads(row["problems"]),
        "times": row["times"],
    }


def _audit_record(row: Row) -> dict[str, Any]:
    return {"at": moment(row["at"]), "counts": json.loads(row["counts"])}


def _lost(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """What an audit missed on the server, as something that needs attention."""
    lost = {name: counts[name] for name in ("missing", "different", "lacking") if counts[name]}
    reason = "`synapse-sync verify` lists them, --repair has units that are missing made again"
    return [_item("audit", audited_in_words(counts), "/".join(lost), reason)] if lost else []


def moment(at: float | None) -> str | None:
    """A time as ISO 8601 in UTC, to the millisecond."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def path_of(row: Row) -> str:
    """A file's relative path as text."""
    return shown_name(row["dir"], row["name"])


def _waiting(ledger: Ledger, feed: int) -> list[dict[str, Any]]:
    """Files that wait for a program to finish with them, or for the rest of their content: as in _attention()."""
    rows = ledger.query("files_waiting", feed=feed, limit=ATTENTION)
    return [_item("file", path_of(row), row["state"], row["reason"]) for row in rows]


def attention(ledger: Ledger, feed: int) -> list[dict[str, Any]]:
    """What waits for a person or failed: {"kind", "what", "state", "reason"} each."""
    units = [row for name in ATTENDED for row in ledger.query(name, feed=feed, limit=ATTENTION)]
    files = ledger.query("files_needing_attention", feed=feed, limit=ATTENTION)
    contents = ledger.query("sending_in_trouble", feed=feed, limit=ATTENTION)
    audits = ledger.query("audit_of", feed=feed)
    return [
        *(_item("unit", _versioned(row), row["state"], row["reason"]) for row in units),
        *(_item("file", path_of(row), row["state"], row["reason"]) for row in files),
        *(_item("content", many(row["contents"], "content"), "unknown", row["reason"]) for row in contents),
        *(item for row in audits for item in _lost(json.loads(row["counts"]))),
    ]


def _item(kind: str, what: str, state: str, reason: str) -> dict[str, Any]:
    return {"kind": kind, "what": what, "state": state, "reason": reason}


def _versioned(row: Row) -> str:
    return str(row["key"]) if row["version"] == 1 else f"{row['key']} (version {row['version']})"
