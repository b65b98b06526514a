"""Complete units get their meta: merged, held against the collection's schema, before a byte is read or sent."""

from __future__ import annotations

import json
import os.path
from collections import defaultdict

from synapse_sync.metadata.automatic import merge, primary_file, violations
from synapse_sync.states import Code
from synapse_sync.steps.work import Work

BATCH = 500


def describe(work: Work) -> int:
    """Merge and check the meta of complete units; returns how many were worked on."""
    units = work.ledger.query("units_to_describe", feed=work.id, now=work.clock(), limit=BATCH)
    if not units:
        return 0
    paths: dict[int, dict[str, str]] = defaultdict(dict)
    for row in work.ledger.query("files_of_units", units=[unit["id"] for unit in units]):
        paths[row["unit"]][row["spec"]] = row["path"]
    schema = work.collection.meta_schema
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        for unit in units:
            origin = primary_file(work.collection.specs, paths[unit["id"]])
            stem, extension = os.path.splitext(os.path.basename(origin))
            meta = merge(unit["key"], stem, extension, work.feed.metadata.values, schema)
            if broken := violations(meta, schema):
                reason = f"its meta does not fit the collection's schema: {'; '.join(broken)}"
                transaction.run("hold_unit", id=unit["id"], code=Code.HELD, reason=reason, **stamp)
            else:
                text = json.dumps(meta, ensure_ascii=False)
                transaction.run("describe_unit", id=unit["id"], revision=unit["revision"], meta=text, **stamp)
    return len(units)
