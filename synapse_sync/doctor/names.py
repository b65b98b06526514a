"""Names in the folders that make trouble: those that are not UTF-8, and two that want the same place."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from synapse_sync.doctor.findings import Finding, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.status.words import many

AREA = "names"


def names(situation: Situation) -> Iterator[Finding]:
    """What the look through each folder has met."""
    for feed, root in situation.roots():
        tree = situation.trees.get(root.path)
        if tree is None:
            continue
        if tree.undecodable:
            words = f"{many(tree.undecodable, 'name')} in {root.path} not in UTF-8 (shown with %XX), for example "
            remedy = (
                f"convmv -f cp949 -t utf8 -r {shlex.quote(root.path)}   # shows what it would do; or as it is: it works"
            )
            yield warning(AREA, "encoding", words + tree.undecodable_example, remedy, feed.name)
        if tree.twins:
            words = f"{many(tree.twins, 'name')} in {root.path} like another but for case or Unicode form, for example "
            remedy = "rename one of each pair: both want the same place in a unit, which is held then"
            yield warning(AREA, "twins", words + tree.twins_example, remedy, feed.name)
        if not tree.undecodable and not tree.twins:
            yield well(AREA, "encoding", f"{root.path}: all in UTF-8, and no two alike", feed.name)
