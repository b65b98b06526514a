"""The collection's specs and schema: fetched first, again each hour and after every refusal; a change decides anew.

Where somebody is told by a ping that the server answers, they are fetched more often: that shows whether it does.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from synapse_sync.config import Feed
from synapse_sync.errors import CollectionUnusable
from synapse_sync.grouping.matching import sequential_problem
from synapse_sync.records import Collection, Spec
from synapse_sync.steps.work import Work

MAX_AGE = 3600.0
PINGED_RUNS, PINGED_LEAST = 5, 10.0
"""With `ping_url`: so many times `run_every`, and so many seconds at least."""


def refresh_collection(work: Work) -> None:
    """Fetch the collection where it is not known, too old, or was doubted; decide waiting units anew if it differs.

    Raises CollectionUnusable, or any error of the destination: then what the ledger remembers of it goes on serving.
    """
    row = work.ledger.query("feed_by_id", id=work.id)[0]
    if work.known_collection is None and row["collection"]:
        work.known_collection = remembered_collection(row["collection"])
    if not work.collection_stale and work.clock() - work.collection_fetched_at < _max_age(work):
        return
    collection = work.destination.open(work.feed.data_collection)
    require_usable(work.feed, collection)
    work.collection_stale = False
    work.collection_fetched_at = work.clock()
    text = json.dumps(asdict(collection), sort_keys=True, ensure_ascii=False)
    if text != row["collection"]:
        if row["collection"]:
            reopen(work, collection.id)
        with work.ledger.write() as transaction:
            transaction.run("remember_collection", feed=work.id, collection=text)
    if collection != work.known_collection:
        work.layout = None
    work.known_collection = collection


def _max_age(work: Work) -> float:
    schedule = work.config.schedule
    return min(MAX_AGE, max(PINGED_RUNS * schedule.run_every, PINGED_LEAST)) if schedule.ping_url else MAX_AGE


def reopen(work: Work, collection: int) -> None:
    """Decide again everything that nothing was sent for, and refused tasks: an input of the decisions has changed."""
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        place = {"feed": work.id, "destination": work.destination.name}
        transaction.run("reopen_files", **place, **stamp)
        transaction.run("reopen_units", **place, collection=collection, **stamp)
        transaction.run("reopen_tasks", feed=work.id, **stamp)
        transaction.run("doubt_meta", feed=work.id)


def require_usable(feed: Feed, collection: Collection) -> None:
    """The feed's units can go into this collection. Raises CollectionUnusable.

    Each of its specs takes one file a unit, and every spec that the feed's config names is one of the collection's.
    """
    if problem := sequential_problem(collection.specs):
        raise CollectionUnusable(f"data collection {collection.id} ({collection.name}): {problem}")
    names = {spec.name for spec in collection.specs}
    named = {"assets": set(feed.assets), "rules for": {rule.spec for rule in feed.grouping.rules}}
    for what, wanted in named.items():
        if unknown := sorted(wanted - names):
            raise CollectionUnusable(
                f"feed {feed.name} has {what} {', '.join(unknown)}, but data collection {collection.id} "
                f"({collection.name}) has the file specifications {', '.join(sorted(names))}",
                hint="name each after a file specification",
            )


def remembered_collection(text: str) -> Collection:
    """The collection as a feed's row has it."""
    fields = json.loads(text)
    specs = tuple(Spec(**{**spec, "extensions": tuple(spec["extensions"])}) for spec in fields.pop("specs"))
    return Collection(**fields, specs=specs)
