"""What a process was at when it was killed, told from outside: by its ledger and by the server's own account."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .workload import Site

PHASES = ("list", "checksum", "send", "server ahead", "register", "task", "reconcile")
"""Those in which kills are wanted; "server ahead": between the server's commit and ours."""


@dataclass
class Start:
    """How things stood when the process was started."""

    files: set[tuple[bytes, bytes, int]]
    event: int
    requests: Mapping[str, int]
    at: float = field(default_factory=time.time)


def standing(site: Site) -> Start:
    """How things stand now."""
    events = site.server.events()
    return Start(files_of(site), events[-1]["id"] if events else 0, dict(site.server.stats()["requests"]))


def files_of(site: Site) -> set[tuple[bytes, bytes, int]]:
    """Folder, name and time of each file of the share."""
    return {
        (str(path.parent.relative_to(site.share)).encode(), path.name.encode(), path.stat().st_mtime_ns)
        for path in site.share.glob("p*/*")
    }


def phase(site: Site, start: Start) -> str:
    """What the process that was started then is at, or was at when it ended."""
    asked = site.server.stats()["requests"]
    if asked == start.requests:
        return "start"
    if not site.ledger.exists() or start.files - known(site):
        return "list"
    events = site.server.events(start.event)
    if unknown_to_us(site, events):
        return "server ahead"
    intents = site.rows(f"SELECT unit, kind, id FROM intents WHERE resolved_at IS NULL AND created_at >= {start.at}")
    for unit, kind, intent in intents:
        earlier = site.rows(
            f"SELECT 1 FROM intents WHERE unit = {unit} AND kind = '{kind}' AND id < {intent} AND outcome = 'unknown'"
        )
        return "reconcile" if earlier else kind
    if site.rows("SELECT 1 FROM units WHERE state = 'registering'"):
        return "reconcile"
    if site.rows("SELECT 1 FROM files WHERE state = 'grouped' AND read_revision <> revision"):
        return "checksum"
    return "send" if site.rows("SELECT 1 FROM contents WHERE state = 'unknown'") else "rest"


def known(site: Site) -> set[tuple[bytes, bytes, int]]:
    """The files as the ledger has them."""
    return {(folder, name, mtime) for folder, name, mtime in site.rows("SELECT dir, name, mtime_ns FROM files")}


def unknown_to_us(site: Site, events: list[dict[str, Any]]) -> bool:
    """Whether the server has made something of which our ledger does not know yet."""
    kinds = {
        "data_file": ("sha1", "SELECT sha1 FROM contents WHERE state = 'present'"),
        "unit": ("unit", "SELECT server_id FROM units WHERE server_id IS NOT NULL"),
        "task": ("unit", "SELECT server_id FROM units WHERE state = 'registered'"),
    }
    for kind, (name, query) in kinds.items():
        made = {event["detail"][name] for event in events if event["kind"] == kind}
        if made - {row[0] for row in site.rows(query)}:
            return True
    return False
