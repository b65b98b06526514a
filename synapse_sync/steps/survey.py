"""Units that a collection has and the ledger does not know: found by looking through it, so that none is made twice.

A unit is recognised by the sync key in its meta or by the checksums of its files, whichever v1 shows of them (protocol
§5); v2 shows neither. Looked through is all of it before the first registration (adopt.py), and what is recent in it
where nobody knows what became of a request to v1 (register.py, reconcile.py).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from synapse_sync.errors import DestinationError, Rejected
from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import ListedUnit, OutgoingUnit
from synapse_sync.states import Code
from synapse_sync.steps.work import Work

MOST_COMPOSITIONS = 256
"""Of a unit with many files only those are looked for whose files all go by the same algorithm."""


@dataclass
class Shown:
    """What a look did not show: meta or checksums of unknown units; with blind, a unit that was certainly there."""

    without_meta: bool = False
    without_files: bool = False
    blind: bool = False

    def tells(self, unit: OutgoingUnit) -> bool:
        """Whether this unit would have been recognised, were it there."""
        return not self.blind and (not self.without_files or (bool(unit.sync_key) and not self.without_meta))

    @property
    def lack(self) -> str:
        """In words, where it does not tell."""
        if self.blind:
            return "the server does not show units that were made shortly before"
        return "the server does not show what the collection's units are made of"


def is_hidden(refused: DestinationError, api: str) -> bool:
    """Whether the server does not let the collection be looked through: beside v2 there may be no v1, or not for us."""
    return isinstance(refused, Rejected) or (api == "v2" and refused.status in (403, 404))


def survey(work: Work, *, rebuilt: bool = False) -> Row:
    """Look through the whole collection, once; rebuilt: its units may be our own, made before this state of the ledger.

    What was found before is forgotten: there may be less. Returns what was found: units, silent. Raises
    DestinationErrors.
    """
    with work.ledger.write() as transaction:
        transaction.run("survey_again", **work.place)
        transaction.run("forget_strangers", **work.place)
    look_through(work)
    with work.ledger.write() as transaction:
        transaction.run("add_survey", now=work.clock(), rebuilt=rebuilt, **work.place)
    return work.ledger.query("survey_of", **work.place)[0]


def look_through(work: Work, since: float | None = None) -> Shown:
    """Keep the units of the feed's collection that the ledger does not know; since: as Destination.units has it."""
    made = work.ledger.query("made_since", since=since, **work.place) if since is not None else []
    certain = made[0]["server_id"] if made else None
    shown = Shown(blind=certain is not None)
    for page in work.destination.units(work.feed.data_collection, "v1", since):
        with work.ledger.write() as transaction:
            ids = [unit.id for unit in page]
            known = {row["server_id"] for row in transaction.query("known_server_ids", server_ids=ids, **work.place)}
            strangers = [unit for unit in page if unit.id not in known]
            transaction.run_many("add_found_unit", ({**_found(unit), **work.place} for unit in strangers))
        shown.blind &= certain not in known
        recent = [unit for unit in strangers if since is None or unit.created is None or unit.created >= since]
        shown.without_meta |= any(unit.sync_key is None for unit in recent)
        shown.without_files |= any(unit.files is None for unit in recent)
        work.heard()  # the rows of those who look through are as they were read
    return shown


def recognised(work: Work, units: Sequence[OutgoingUnit]) -> dict[int, int]:
    """Unit to server id, for those of these units that were found; each unit that was found is taken once.

    With duplicates = "register" equal contents are no sign of one unit: the unit key must be the same as well. Nor are
    they with existing = "ignore": a unit whose meta shows no sync key is that of another, if ours was sent with one.
    """
    if not work.ledger.query("any_found", **work.place):
        return {}
    rows: dict[int, list[Row]] = defaultdict(list)
    for row in work.ledger.query("digests_of_units", units=[unit.id for unit in units]):
        rows[row["unit"]].append(row)
    strict = work.feed.duplicates == "register"
    found: dict[int, int] = {}
    taken: set[int] = set()
    for unit in units:
        made_by_us = work.feed.existing == "ignore" and bool(unit.sync_key)
        signs = {"sync_key": unit.sync_key, "compositions": _compositions(rows[unit.id]), "made_by_us": made_by_us}
        like = work.ledger.query("found_like", **signs, **work.place)
        candidates = [row for row in like if row["server_id"] not in taken]
        same_key = [row for row in candidates if row["key"] == unit.key or (strict and row["key"] is None)]
        if chosen := (same_key or ([] if strict else candidates)):
            found[unit.id] = chosen[0]["server_id"]
            taken.add(found[unit.id])
    return found


def take(work: Work, transaction: Transaction, unit: int, server_id: int, outcome: Code) -> None:
    """A unit is the one that the server calls `server_id`."""
    transaction.run("take_found", unit=unit, server_id=server_id, **work.place)
    stamp = work.stamp(transaction)
    task = work.feed.project is not None
    transaction.run("unit_created", id=unit, server_id=server_id, outcome=outcome, task=task, **stamp)


def composition(files: Mapping[str, str]) -> str:
    """The identity of a unit's files as a listing shows them: spec to checksum."""
    pairs = "\n".join(sorted(f"{spec}:{checksum.lower()}" for spec, checksum in files.items()))
    return hashlib.sha256(pairs.encode()).hexdigest()


def _compositions(rows: Sequence[Row]) -> list[str]:
    """What a unit of these contents may look like: a server may have each of them under several checksums (§3)."""
    named = ("checksum", "md5", "sha1")
    if 2 ** len(rows) > MOST_COMPOSITIONS:
        ways = [[row[name] for row in rows] for name in named]
    else:
        ways = [list(way) for way in product(*({row[name] for name in named if row[name]} for row in rows))]
    specs = [row["spec"] for row in rows]
    return [composition(dict(zip(specs, way, strict=True))) for way in ways if way and all(way)]


def _found(unit: ListedUnit) -> dict[str, object]:
    files = composition(unit.files) if unit.files else ""
    return {"server_id": unit.id, "sync_key": unit.sync_key or "", "composition": files, "key": unit.key}
