"""How a feed's files group: as its config says, as was inferred once, or as the settled files say now."""

from __future__ import annotations

import json
from dataclasses import asdict

from synapse_sync.config import Feed
from synapse_sync.config.feed import Grouping
from synapse_sync.errors import FeedPaused
from synapse_sync.grouping.inference import Inference, infer
from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.metadata_files import MetadataFiles, WithMetadata
from synapse_sync.grouping.places import Choice
from synapse_sync.ledger import Row
from synapse_sync.steps.detect import detects
from synapse_sync.steps.group import member_of
from synapse_sync.steps.specs import reopen
from synapse_sync.steps.tables import table_below
from synapse_sync.steps.work import Work

SAMPLE = 20_000  # names in each of the two samples: some 10 MB


def infer_layout(work: Work) -> int:
    """Give the feed its layout, once; returns 1 when it found one.

    Raises FeedPaused where the files don't say clearly how they group: the reason has the config lines to write.
    """
    if work.layout is not None or work.known_collection is None:
        return 0
    choice = known_choice(work.feed, work.ledger.query("feed_by_id", id=work.id)[0])
    if choice is None:
        if detects(work) and work.ledger.query("files_to_detect", feed=work.id, limit=1):
            return 0
        inference = _infer(work)
        if inference is None:
            return 0
        choice = inference.choice
        if choice is None:
            name = work.feed.name
            raise FeedPaused(
                f"feed {name}: its files don't say clearly how they group. {inference.summary}",
                hint=f"write into this feed in the config: {' or '.join(inference.config_lines)}",
            )
        _remember(work, inference)
    work.layout = WithMetadata(layout_for(choice, work.collection.specs), metadata_files(work))
    return 1


def infer_again(work: Work) -> None:
    """Forget how the feed's files group, as was inferred; what nothing was sent for is decided anew."""
    if work.ledger.query("feed_by_id", id=work.id)[0]["grouping"]:
        with work.ledger.write() as transaction:
            transaction.run("remember_grouping", feed=work.id, grouping="")
        reopen(work, work.feed.data_collection)


def metadata_files(work: Work) -> MetadataFiles:
    """Which files are metadata by the feed's config."""
    below = table_below(work)
    return MetadataFiles(sidecars=work.feed.metadata.sidecar, table=below[1] if below else "")


def known_choice(feed: Feed, row: Row) -> Choice | None:
    """The layout that the config says, or that was inferred and remembered (row: the feed's)."""
    return _configured(feed.grouping) or _remembered(row)


def _configured(grouping: Grouping) -> Choice | None:
    if grouping.by == "stem":
        return Choice("stem")
    if grouping.by == "pattern":
        rules = tuple((rule.pattern, rule.spec) for rule in grouping.rules)
        return Choice("pattern", rules=rules, key=grouping.key, unit_key=grouping.unit_key)
    return Choice("directory", grouping.depth) if grouping.by == "directory" else None


def _remembered(feed: Row) -> Choice | None:
    return Choice(**json.loads(feed["grouping"])["choice"]) if feed["grouping"] else None


def _infer(work: Work) -> Inference | None:
    by_folder = [member_of(row) for row in work.ledger.query("sample_by_directory", feed=work.id, limit=SAMPLE)]
    if not by_folder:
        return None
    samples = [by_folder]
    if len(by_folder) == SAMPLE:
        samples.append([member_of(row) for row in work.ledger.query("sample_by_name", feed=work.id, limit=SAMPLE)])
    return infer(samples, work.collection.specs, metadata_files(work))


def _remember(work: Work, inference: Inference) -> None:
    kept = {"choice": asdict(inference.choice) if inference.choice else None, "summary": inference.summary}
    with work.ledger.write() as transaction:
        work.run.id(transaction)
        transaction.run("remember_grouping", feed=work.id, grouping=kept)
