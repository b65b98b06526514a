"""Registered units whose metadata changes later: told, and sent to the server where the feed says so (v2 only).

What they would be described with now is made by the very code that described them; nothing is registered anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from synapse_sync.errors import Rejected
from synapse_sync.ledger import Row
from synapse_sync.metadata.automatic import SYNC_KEY
from synapse_sync.metadata.changes import differences
from synapse_sync.metadata.merge import kept
from synapse_sync.states import Code
from synapse_sync.steps.description import Describer, Description, NoRow
from synapse_sync.steps.sidecars import NotYet
from synapse_sync.steps.work import Work

BATCH = 2000
UPDATES = 50  # units whose new meta goes out before other steps have their turn


def compare_meta(work: Work) -> int:
    """Make the meta of doubted registered units again; returns how many were compared."""
    if work.layout is None or work.table.pending:
        return 0
    units = work.ledger.query("units_to_compare", feed=work.id, limit=BATCH)
    if not units:
        return 0
    describer = Describer(work, work.layout, units)
    with work.ledger.write() as transaction:
        for unit in units:
            before = _without_sync_key(json.loads(unit["meta"]))
            try:
                found = describer.describe(unit)
            except (NotYet, NoRow):
                # It is doubted again when its sidecar has settled; a row that is no more takes nothing back.
                transaction.run("meta_compared", id=unit["id"], pending=unit["pending"])
                continue
            if found.row is not None:
                transaction.run("row_taken", feed=work.id, row=found.row.number, unit=unit["id"])
            pending = _pending(unit, found, before)
            text = json.dumps(pending, ensure_ascii=False, sort_keys=True) if pending else ""
            transaction.run("meta_compared", id=unit["id"], pending=text)
            if pending and text != unit["pending"]:
                stamp = work.stamp(transaction)
                detail = pending["problem"] or "; ".join(differences(before, pending["meta"]))
                transaction.run("add_history", id=unit["id"], code=Code.META_CHANGED, detail=detail, **stamp)
                work.run.count("meta_changed")
    return len(units)


def _pending(unit: Row, found: Description, before: Mapping[str, Any]) -> dict[str, Any] | None:
    """The meta that the unit would have now, where it is another."""
    if found.problem:
        return {"meta": dict(before), "sources": {}, "overruled": [], "problem": found.problem}
    now = kept(before, json.loads(unit["sources"]), found.described)
    if now.meta == before:
        return None
    return {"meta": now.meta, "sources": now.sources, "overruled": now.overruled, "problem": ""}


def update_meta(work: Work) -> int:
    """Send the new meta of registered units, where the feed says so; returns how many.

    The same may be sent again without harm. Raises errors that concern the whole destination.
    """
    if not work.feed.metadata.update_meta or work.destination.api != "v2":
        return 0
    place = {"feed": work.id, "destination": work.destination.name}
    units = work.ledger.query("units_to_update", **place, now=work.clock(), limit=UPDATES)
    for unit in units:
        before, pending = json.loads(unit["meta"]), json.loads(unit["pending"])
        own = {SYNC_KEY: before[SYNC_KEY]} if SYNC_KEY in before else {}
        meta = pending["meta"] | own
        try:
            work.destination.update_meta(unit["server_id"], unit["key"], meta)
        except Rejected as refused:
            _refused(work, unit["id"], pending, refused)
            continue
        with work.ledger.write(durable=True) as transaction:
            told = {"sources": pending["sources"], "overruled": pending["overruled"]}
            transaction.run("meta_updated", id=unit["id"], meta=meta, **told)
            detail = "; ".join(differences(_without_sync_key(before), pending["meta"]))
            transaction.run(
                "add_history", id=unit["id"], code=Code.META_UPDATED, detail=detail, **work.stamp(transaction)
            )
        work.run.count("meta_updated")
    return len(units)


def _refused(work: Work, unit: int, pending: Mapping[str, Any], refused: Rejected) -> None:
    """The server does not take it: a person has to look, and it is made again when its sources change."""
    text = json.dumps({**pending, "problem": str(refused)}, ensure_ascii=False, sort_keys=True)
    with work.ledger.write() as transaction:
        transaction.run("meta_compared", id=unit, pending=text)
        stamp = work.stamp(transaction)
        transaction.run("add_history", id=unit, code=Code.REJECTED, detail=str(refused), **stamp)
    work.run.problem(refused)


def _without_sync_key(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in meta.items() if name != SYNC_KEY}
