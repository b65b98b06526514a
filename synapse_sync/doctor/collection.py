"""The collections that feeds send to, their projects, and how files get there."""

from __future__ import annotations

from collections.abc import Iterator

from synapse_sync.doctor.findings import Finding, problem, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import SynapseSyncError
from synapse_sync.records import Collection, Spec
from synapse_sync.steps.specs import require_usable

AREA = "collection"


def collections(situation: Situation) -> Iterator[Finding]:
    """Each feed's collection: there, with specifications that this version can fill."""
    if situation.destination is None:
        return
    for feed in situation.feeds():
        try:
            collection = situation.destination.open(feed.data_collection)
            require_usable(feed, collection)
        except SynapseSyncError as error:
            remedy = error.hint or "have the collection changed in Synapse, or name another one as data_collection"
            yield problem(AREA, "usable", error.message, remedy, feed.name)
            continue
        situation.collections[collection.id] = collection
        yield well(AREA, "usable", described(collection), feed.name)


def described(collection: Collection) -> str:
    """A collection in one line: its number, its name, what a unit is made of, whether meta has rules."""
    specs = ", ".join(map(_spec, collection.specs))
    rules = "; its metadata has a schema" if collection.meta_schema else ""
    return f"{collection.id} {collection.name}: {specs}{rules}"


def _spec(spec: Spec) -> str:
    takes = " ".join(spec.extensions) or spec.file_type or "any file"
    return f"{spec.name} ({takes}{'' if spec.required else ', optional'})"


def projects(situation: Situation) -> Iterator[Finding]:
    """Projects that get a task for each unit."""
    if situation.destination is None:
        return
    examination = situation.destination.examination()
    for feed in situation.feeds():
        if feed.project is None:
            continue
        try:
            project = examination.project(feed.project)
        except SynapseSyncError as error:
            yield problem(AREA, "project", error.message, error.hint or "correct project of the feed", feed.name)
            continue
        named = f"project {feed.project} {project.name}".rstrip()
        if misfit := project.misfit(feed.data_collection):
            remedy = "name a project of the feed's collection, or take project out of the feed"
            yield problem(AREA, "project", f"{named}: {misfit}", remedy, feed.name)
        else:
            yield well(AREA, "project", f"each unit gets a task in {named}", feed.name)


def storage(situation: Situation) -> Iterator[Finding]:
    """Where files go, and whether that can be reached: another host than the server as a rule."""
    if situation.destination is None or not situation.collections:
        return
    examination = situation.destination.examination()
    try:
        kind = examination.storage() or "storage"
        upload = examination.upload(min(situation.collections))
    except SynapseSyncError as error:
        remedy = error.hint or 'let this machine reach it, or write route = "direct" below [upload]'
        yield problem("storage", "reachable", error.message, remedy)
        return
    if upload.route == "presigned":
        yield well("storage", "reachable", f"files go straight to the {kind} at {upload.host}, which can be reached")
    else:
        yield well("storage", "reachable", f"files go through the server ({upload.route} upload) to its {kind}")
