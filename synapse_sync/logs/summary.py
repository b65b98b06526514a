"""The state of all feeds in one line: for `systemctl status`, and once a day for the log. Pure.

Both take what status.snapshot.snapshot() gives, and count only feeds that the config has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from synapse_sync.status.words import size

Snapshot = Mapping[str, Any]


def status_line(
    now: Snapshot,
    *,
    bytes_per_second: float = 0.0,
    last_registration: float | None = None,
    troubles: Sequence[str] = (),
) -> str:
    """Files waiting, rate, last registration (in seconds since 1970), what needs attention.

    troubles: what the ledger does not know, in words; a server that can't be reached, say.
    """
    feeds = _feeds(now)
    waiting = sum(feed["account"]["in_progress"] for feed in feeds)
    parts = [f"{waiting:,} files waiting" if waiting else "nothing waits"]
    if bytes_per_second >= 1:
        parts.append(f"sending {size(bytes_per_second)}/s")
    parts.append(f"last registration {_moment(last_registration)}" if last_registration else "no registration yet")
    return ", ".join(parts) + "; " + _attention(feeds, troubles)


def daily_summary(now: Snapshot, before: Snapshot | None = None) -> str:
    """What there is, and what was added since `before` (yesterday's snapshot; None: not known)."""
    feeds, earlier = _feeds(now), _feeds(before or {"feeds": []})
    parts = [
        _grown("units registered", _units(feeds), _units(earlier) if before else None),
        _grown("files seen", _account(feeds, "seen"), _account(earlier, "seen") if before else None),
        f"{_account(feeds, 'in_progress'):,} files in progress",
        f"{_account(feeds, 'aside'):,} aside",
        f"{size(_account(feeds, 'registered_bytes'))} in Synapse",
    ]
    return "daily summary: " + ", ".join(parts) + "; " + _attention(feeds)


def _feeds(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    return [feed for feed in snapshot["feeds"] if feed.get("configured", True)]


def _units(feeds: list[Mapping[str, Any]]) -> int:
    return sum(feed["units"].get("registered", 0) for feed in feeds)


def _account(feeds: list[Mapping[str, Any]], name: str) -> int:
    return sum(feed["account"][name] for feed in feeds)


def _grown(what: str, count: int, before: int | None) -> str:
    return f"{count:,} {what}" if before is None else f"{count:,} {what} ({count - before:+,})"


def _attention(feeds: list[Mapping[str, Any]], troubles: Sequence[str] = ()) -> str:
    found = [*troubles, *_needs(feeds, troubles)]
    return "; ".join(found) if found else "all well"


def _needs(feeds: list[Mapping[str, Any]], troubles: Sequence[str]) -> Iterator[str]:
    known = " ".join(troubles)
    for feed in feeds:
        if feed["paused"] and feed["paused"] not in known:
            yield f"{feed['name']} is paused: {feed['paused']}"
        held = feed["units"].get("held", 0) + feed["files"].get("held", 0) + feed["units"].get("incomplete", 0)
        if held:
            yield f"{held:,} of {feed['name']} need you (synapse-sync status)"
        elif feed["attention"] and not feed["paused"] and not troubles:
            yield f"{feed['name']}: {feed['attention'][0]['reason']}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).isoformat(" ", "minutes")
