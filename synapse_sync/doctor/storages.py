"""The server's storages that feeds read from: where each path in one is, and whether this machine may go there."""

from __future__ import annotations

from collections.abc import Iterator

from synapse_sync.doctor.findings import Finding, problem, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.storages import told

AREA = "folder"


def storages(situation: Situation) -> Iterator[Finding]:
    """Each path in a storage; those that are found are looked at as folders and remote places."""
    if situation.config is None:
        return
    if situation.destination is None:
        for feed in situation.feeds():
            for root in feed.asset_roots().values():
                if root.storage is not None:
                    words = f"{root.shown}: the server could not be asked where that is"
                    yield problem(AREA, "storage", words, "repair what is said above of the token or server", feed.name)
        return
    for one in told(situation.config, situation.destination):
        if one.there is None:
            remedy = one.remedy or "correct storage and path of the feed"
            yield problem(AREA, "storage", one.words, remedy, one.feed)
        else:
            situation.placed[one.feed, one.asset] = one.there
            yield well(AREA, "storage", one.words, one.feed)
