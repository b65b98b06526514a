"""Complete units get their meta: merged, held against the collection's schema, before a byte is read or sent.

So is the size of their files against max_file_size.
"""

from __future__ import annotations

import json
import os.path
from collections import defaultdict
from collections.abc import Sequence

from synapse_sync.ledger import Row
from synapse_sync.metadata.automatic import merge, primary_file, violations
from synapse_sync.states import Code
from synapse_sync.steps.work import Work

BATCH = 2000


def describe(work: Work) -> int:
    """Merge and check the meta of complete units; returns how many were worked on."""
    units = work.ledger.query("units_to_describe", feed=work.id, now=work.clock(), limit=BATCH)
    if not units:
        return 0
    files: dict[int, list[Row]] = defaultdict(list)
    for row in work.ledger.query("files_of_units", units=[unit["id"] for unit in units]):
        files[row["unit"]].append(row)
    schema = work.collection.meta_schema
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        for unit in units:
            origin = primary_file(work.collection.specs, {row["spec"]: row["path"] for row in files[unit["id"]]})
            stem, extension = os.path.splitext(os.path.basename(origin))
            meta = merge(unit["key"], stem, extension, work.feed.metadata.values, schema)
            reason = _too_large(files[unit["id"]], work.config.upload.max_file_size)
            if not reason and (broken := violations(meta, schema)):
                reason = f"its meta does not fit the collection's schema: {'; '.join(broken)}"
            if reason:
                transaction.run("hold_unit", id=unit["id"], code=Code.HELD, reason=reason, **stamp)
            else:
                text = json.dumps(meta, ensure_ascii=False)
                transaction.run("describe_unit", id=unit["id"], revision=unit["revision"], meta=text, **stamp)
    return len(units)


def _too_large(files: Sequence[Row], limit: int | None) -> str:
    """Which files are above the limit, in words; "" where none is."""
    large = [f"{row['path']} has {row['size']} bytes" for row in files if limit is not None and row["size"] > limit]
    return f"{', '.join(large)}, [upload] max_file_size is {limit}" if large else ""
