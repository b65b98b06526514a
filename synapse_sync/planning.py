"""`plan`: the real steps on a copy of the ledger that is thrown away. Nothing is written here or on the server.

There is no second implementation that could say something else than `once` does: listing, grouping and describing are
the steps themselves. Content is read only with `checksum`, but for what meta is made of, and for the first KiB of files
whose names don't say what they are.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synapse_sync.assembly import put_to_work
from synapse_sync.config import Config, Feed, ledger_path
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import CollectionUnusable, DestinationError, FeedPaused, SourceUnavailable
from synapse_sync.ledger import Ledger, open_for_reading, open_for_writing
from synapse_sync.records import Looked
from synapse_sync.runner import drain
from synapse_sync.shown import shown_name
from synapse_sync.status.snapshot import attention
from synapse_sync.steps import STEPS, Work, learn, scan
from synapse_sync.steps.rehearse import rehearse
from synapse_sync.steps.specs import refresh_collection
from synapse_sync.storages import Storages

PLANNED = {"settle", "detect", "infer", "group", "table", "describe"}
WITH_CHECKSUMS = PLANNED | {"checksum", "vouch", "fingerprint", "verify"}


def plan(
    config: Config, feeds: Sequence[Feed], destination: Destination, *, checksum: bool, limit: int
) -> dict[str, Any]:
    """What `once` would do now: {"feeds": [see _plan_feed()]}. Raises what stops it for all feeds.

    limit: units and files aside that are listed for each feed; totals count all.
    """
    with _copy_of_ledger(config) as ledger:
        storages = Storages(destination)
        return {"feeds": [_plan_feed(config, feed, ledger, destination, storages, checksum, limit) for feed in feeds]}


@contextmanager
def _copy_of_ledger(config: Config) -> Iterator[Ledger]:
    path = ledger_path(config)
    with tempfile.TemporaryDirectory(prefix="synapse-sync-plan-") as folder:
        copy = Path(folder) / "ledger.db"
        if path.exists():
            os.close(os.open(copy, os.O_CREAT | os.O_WRONLY, 0o600))
            with open_for_reading(path) as ledger:
                ledger.copy_to(copy)
        with open_for_writing(copy, create=True, backup=False) as ledger:
            yield ledger


def _plan_feed(
    config: Config,
    feed: Feed,
    ledger: Ledger,
    destination: Destination,
    storages: Storages,
    checksum: bool,
    limit: int,
) -> dict[str, Any]:
    """One feed: name, problem, grouping, units, aside, unreadable, attention (as in `status`), totals."""
    work = put_to_work(config, feed, ledger, destination, patient=False, clock=time.time, storages=storages)
    work.at_once = True
    steps = [step for step in STEPS if step.name in (WITH_CHECKSUMS if checksum else PLANNED)]
    problem = ""
    said: dict[int, str] = {}
    try:
        problem = _refreshed(work)
        scan(work)
        work.looked = [Looked(asset, work.clock()) for asset in work.sources]
        drain(work, [step for step in steps if not (problem and step.network)])
        said = rehearse(work) if checksum and not problem else {}
    except (FeedPaused, SourceUnavailable, CollectionUnusable) as error:
        problem = str(error)
    finally:
        work.readers.stop()
    row = ledger.query("feed_by_id", id=work.id)[0]
    return {
        "name": feed.name,
        "problem": problem,
        "grouping": json.loads(row["grouping"]) if row["grouping"] else {"configured": feed.grouping.by},
        "units": _units(work, limit, said),
        "aside": _aside(work, limit),
        "unreadable": work.run.told(),
        "attention": attention(ledger, row["id"]),
        "totals": _totals(work, exact=checksum),
    }


def _refreshed(work: Work) -> str:
    """Fetch the collection; why it is planned without the server, where the collection is known from an earlier run."""
    try:
        learn(work)
        refresh_collection(work)
    except CollectionUnusable:
        raise
    except DestinationError as error:
        if work.known_collection is None:
            raise
        return f"planned without the server: {error}"
    return ""


def _units(work: Work, limit: int, said: Mapping[int, str]) -> list[dict[str, Any]]:
    """Units that are not registered yet, with their files and meta; said: what the server says of them, by id."""
    units = work.ledger.query("planned_units", feed=work.id, limit=limit)
    files: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in work.ledger.query("files_of_units", units=[unit["id"] for unit in units]):
        files[row["unit"]][row["spec"]] = {"path": row["path"], "size": row["size"]}
    return [
        {
            "key": unit["key"],
            "version": unit["version"],
            "state": unit["state"],
            "reason": unit["reason"],
            "files": files[unit["id"]],
            "groups": json.loads(unit["groups"]),
            "meta": json.loads(unit["meta"]),
            "meta_sources": json.loads(unit["sources"]),
            "meta_overruled": json.loads(unit["overruled"]),
            "server_says": said.get(unit["id"]),
        }
        for unit in units
    ]


def _aside(work: Work, limit: int) -> list[dict[str, Any]]:
    rows = work.ledger.query("planned_aside", feed=work.id, limit=limit)
    return [
        {
            "asset": row["asset"],
            "path": shown_name(row["dir"], row["name"]),
            "state": row["state"],
            "reason": row["reason"],
        }
        for row in rows
    ]


def _totals(work: Work, *, exact: bool) -> dict[str, Any]:
    """Units by state, files aside, and the bytes that would be sent: at most, unless contents were read."""
    states = {row["state"]: row["units"] for row in work.ledger.query("unit_states", feed=work.id)}
    if exact:
        sending = work.ledger.query("bytes_to_send", feed=work.id)[0]["bytes"]
    else:
        sending = work.ledger.query("bytes_at_most", feed=work.id)[0]["bytes"]
    going = work.ledger.query("count_going", feed=work.id)[0]["units"]
    aside = work.ledger.query("count_aside", feed=work.id)[0]["files"]
    return {"units": states, "to_register": going, "aside": aside, "bytes_to_send": sending, "exact": exact}
