"""Complete units get their meta and groups, held against the collection's schema before a byte is read or sent."""

from __future__ import annotations

from synapse_sync.states import Code
from synapse_sync.steps.description import Describer, NoRow
from synapse_sync.steps.sidecars import NotYet
from synapse_sync.steps.work import Work

BATCH = 500


def describe(work: Work) -> int:
    """Merge and check the meta of complete units; returns how many were worked on."""
    if work.layout is None or work.table.pending:
        return 0
    units = work.ledger.query("units_to_describe", feed=work.id, now=work.clock(), limit=BATCH)
    if not units:
        return 0
    describer = Describer(work, work.layout, units)
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        for unit in units:
            guard = {"id": unit["id"], "revision": unit["revision"]}
            try:
                found = describer.describe(unit)
            except NotYet:
                transaction.run("await_metadata", **guard, awaits="sidecar", reason="its sidecar is still settling")
                continue
            except NoRow as lacking:
                transaction.run("await_metadata", **guard, awaits="row", reason=str(lacking))
                work.run.count_once("units_without_row", unit["id"])
                continue
            described = found.described
            transaction.run(
                "describe_unit", **guard, meta=described.meta, groups=found.groups,
                sources=described.sources, overruled=described.overruled, **stamp,
            )  # fmt: skip
            if found.row is not None:
                transaction.run("row_taken", feed=work.id, row=found.row.number, unit=unit["id"])
            elif work.table.in_use is not None:
                work.run.count_once("units_without_row", unit["id"])
            if found.problem:
                transaction.run("hold_unit", id=unit["id"], code=Code.HELD, reason=found.problem, **stamp)
    return len(units)
