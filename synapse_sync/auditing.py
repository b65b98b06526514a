"""`verify` and the scheduled audit: the ledger held against what the server shows. Reads only, but for put_back().

Enters: a collection's listing, page by page, and the ledger. Leaves: an Audit; memory holds eight bytes a unit.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from synapse_sync.config import Config
from synapse_sync.destinations.base import Destination
from synapse_sync.ledger import Ledger, Row
from synapse_sync.records import Digests, Learned, ListedUnit
from synapse_sync.steps.learn import recall

SHOWN = 100  # findings of each kind that are listed one by one; the counts have them all
_COUNTED = ("listed", "ours", "missing", "extra", "different", "lacking")
CONTENTS = 2000  # that are asked about before the ledger is read on
DATED = 86400.0  # seconds after which an audit that found the same is written down again, for its date alone


@dataclass
class Audit:
    """One collection. missing: ids of our units that the server does not have. extra: server ids that we don't know.

    different: {"feed", "key", "version", "server_id", "why"}. lacking: paths of contents that the server lacks. Of the
    latter three as many as are listed; `counts` has all.
    """

    collection: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    missing: array[int] = field(default_factory=lambda: array("q"))
    extra: list[int] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether everything that we registered is there as it was registered."""
        return not (self.counts["missing"] or self.counts["different"] or self.counts["lacking"])


def scheduled_audit(
    config: Config,
    ledger: Ledger,
    destination: Destination,
    clock: Callable[[], float],
    between: Callable[[], None] = lambda: None,
) -> list[Audit]:
    """Audit the collection of each feed, for `status` to tell what the last audit found. Repairs nothing.

    What was found is written where it is something else than before, or the date of before is older than DATED.
    between: called between pages; may raise. Raises DestinationErrors: then what an earlier audit found stays.
    """
    if destination.learned == Learned():
        recall(ledger, destination)
    destination.learn()
    found = [
        audit(ledger, destination, collection, clock, between)
        for collection in sorted({feed.data_collection for feed in config.feeds})
    ]
    counts = {one.collection: one.counts for one in found}
    for feed in config.feeds:
        for row in ledger.query("feed_by_name", name=feed.name):
            _note(ledger, row["id"], counts[feed.data_collection], clock())
    return found


def _note(ledger: Ledger, feed: int, counts: Mapping[str, int], now: float) -> None:
    known = ledger.query("audit_of", feed=feed)
    if known and json.loads(known[0]["counts"]) == counts and 0 <= now - known[0]["at"] < DATED:
        return
    with ledger.write() as transaction:
        transaction.run("add_audit", feed=feed, counts=dict(counts), now=now)


def audit(
    ledger: Ledger,
    destination: Destination,
    collection: int,
    clock: Callable[[], float],
    between: Callable[[], None] = lambda: None,
) -> Audit:
    """Compare. Units that move while it goes on are left out. Raises DestinationErrors, and what between() raises."""
    began = clock()
    result = Audit(collection)
    place = {"destination": destination.name, "collection": collection}
    there = array("q")
    api = destination.api or "v2"
    for page in destination.units(collection, api):
        between()
        rows = ledger.query("registered_as", server_ids=[unit.id for unit in page], **place)
        ours = {row["server_id"]: row for row in rows}
        there.extend(unit.id for unit in page)
        strangers = [unit.id for unit in page if unit.id not in ours]
        result.counts["extra"] += len(strangers)
        result.extra += strangers[: SHOWN - len(result.extra)]
        for found in _different(ledger, page, ours):
            result.counts["different"] += 1
            result.different += [found] if len(result.different) < SHOWN else []
    there = _in_order(there)
    result.counts["listed"] = len(there)
    for number, server_id in ledger.tuples("registered_before", before=began, **place):
        result.counts["ours"] += 1
        at = bisect_left(there, server_id)
        if at == len(there) or there[at] != server_id:
            result.missing.append(number)
    result.counts["missing"] = len(result.missing)
    _ask_for_contents(ledger, destination, result, place, between)
    return result


def described(ledger: Ledger, result: Audit, *, limit: int = SHOWN) -> dict[str, Any]:
    """The audit as `verify --json` prints it; missing units say whether they can be put back."""
    missing = [audited(ledger, number) for number in result.missing[:limit]]
    return {
        "data_collection": result.collection,
        "counts": result.counts,
        "missing": [
            {**{name: row[name] for name in ("feed", "key", "version", "server_id")}, "repairable": bool(row["intact"])}
            for row in missing
        ],
        "different": result.different,
        "lacking": result.lacking,
        "extra": result.extra,
    }


def audited(ledger: Ledger, unit: int) -> Row:
    """One unit that an audit found: feed, key, version, server_id, state, intact (its files are here as they were)."""
    return ledger.query("audited_unit", id=unit)[0]


def repairable(ledger: Ledger, result: Audit) -> list[Row]:
    """The missing units whose files are here as they were sent."""
    return [row for number in result.missing if (row := audited(ledger, number))["intact"]]


def put_back(ledger: Ledger, units: Iterable[Sequence[int]], clock: Callable[[], float]) -> int:
    """Have the next run make units again, (id, server id) each, whose files are here as they were sent; how many."""
    done = 0
    for unit, server_id in units:
        now, was = clock(), {"server_id": server_id}
        with ledger.write(durable=True) as transaction:
            for row in transaction.query("audited_unit", id=unit):
                if not row["intact"] or row["server_id"] != server_id:
                    continue  # it has changed since the audit
                transaction.run("unfind", destination=row["destination"], collection=row["collection"], **was)
                transaction.run("doubt_contents", unit=unit, now=now, run=None)
                done += transaction.run("put_back", id=unit, now=now, **was)
                transaction.run("forget_audits")
    return done


def _in_order(ids: array[int]) -> array[int]:
    """Ascending; listings come in order, up or down, so that there is no need for a list four times as large."""
    if ids and ids[0] > ids[-1]:
        ids.reverse()
    return array("q", sorted(ids)) if any(one > other for one, other in pairwise(ids)) else ids


def _different(ledger: Ledger, page: Sequence[ListedUnit], ours: Mapping[int, Row]) -> Iterator[dict[str, Any]]:
    """Units whose listed files are not those that were registered; where the listing shows no files, none."""
    shown = [unit for unit in page if unit.id in ours and unit.files is not None]
    sent: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in ledger.query("digests_of_units", units=[ours[unit.id]["id"] for unit in shown]):
        sent[row["unit"]][row["spec"]] = row
    for unit in shown:
        row = ours[unit.id]
        if why := _difference(unit.files or {}, sent[row["id"]]):
            yield {**{name: row[name] for name in ("feed", "key", "version", "server_id")}, "why": why}


def _difference(shown: Mapping[str, str], sent: Mapping[str, Row]) -> str:
    """How a unit's files on the server differ from what was sent, in words; "" where they don't."""
    for spec in sorted(shown.keys() | sent.keys()):
        if spec not in shown:
            return f"the server has no {spec}"
        if spec not in sent:
            return f"the server has a {spec} that was not sent"
        if shown[spec] not in {sent[spec][name].lower() for name in ("checksum", "md5", "sha1")}:
            return f"the server has {shown[spec]} as {spec}, sent was {sent[spec]['checksum']}"
    return ""


def _ask_for_contents(
    ledger: Ledger, destination: Destination, result: Audit, place: Mapping[str, Any], between: Callable[[], None]
) -> None:
    """Whether the server has every content that our units are made of."""
    after = 0
    while rows := ledger.query("contents_of_collection", after=after, limit=CONTENTS, **place):
        between()
        after = rows[-1]["id"]
        contents = {Digests(row["md5"], row["sha1"], row["size"]): row["id"] for row in rows}
        present = destination.present(list(contents))
        for digests, content in contents.items():
            if digests not in present:
                result.counts["lacking"] += 1
                if len(result.lacking) < SHOWN:
                    result.lacking.append(ledger.query("path_of_content", content=content)[0]["path"])
