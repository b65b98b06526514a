"""How changes in the folders will be noticed: which file systems they lie on, and the kernel's limits of watches."""

from __future__ import annotations

import os
from collections.abc import Iterator

from synapse_sync.config import AssetRoot, Feed
from synapse_sync.doctor.findings import Finding, warning, well
from synapse_sync.doctor.inotify import in_use
from synapse_sync.doctor.situation import Situation
from synapse_sync.shown import shown
from synapse_sync.sources.mounts import Mount, below, kinds, mount_of, mounted, tells
from synapse_sync.status.words import many
from synapse_sync.watching.limits import granted, granted_instances, instances_line, sysctl_line

AREA = "watching"
FREE_INSTANCES = 1
"""What the daemon needs of them."""


def file_systems(situation: Situation) -> Iterator[Finding]:
    """What each folder lies on, and what is mounted inside it."""
    mounts = mounted()
    for feed, root in situation.roots():
        if not os.path.isdir(root.path):
            continue
        real = os.fsencode(os.path.realpath(root.path))
        yield _file_system(feed, root, mount_of(real, mounts))
        if inside := [mount for mount in mounts if mount.point != real and below(mount.point, real)]:
            yield _nested(feed, root, inside)


def limits(situation: Situation) -> Iterator[Finding]:
    """The folders that want a watch, against what the kernel grants this user and others of its processes use."""
    if situation.config is None:
        return
    mounts = mounted()
    needed = 0
    for feed, root in situation.roots():
        events = feed.watch == "events" or tells(mount_of(os.fsencode(os.path.realpath(root.path)), mounts))
        if root.path in situation.trees and feed.watch != "poll" and events:
            needed += situation.trees[root.path].folders
    daemon = situation.daemon
    used = in_use(os.geteuid(), except_for=(daemon and daemon["pid"]) or os.getpid())
    free = granted() - used.watches
    words = f"{needed:,} folders want a watch; {free:,} of the {granted():,} that this user may have are free"
    if needed > free:
        yield warning(AREA, "watches", f"{words}: the rest is polled", sysctl_line(needed - free))
    else:
        yield well(AREA, "watches", words)
    instances = granted_instances()
    words = f"{used.instances:,} of {instances:,} inotify instances of this user are in use"
    if used.instances + FREE_INSTANCES > instances:
        yield warning(AREA, "instances", f"{words}: none is left, all folders are polled", instances_line())
    else:
        yield well(AREA, "instances", words)


def _file_system(feed: Feed, root: AssetRoot, own: Mount | None) -> Finding:
    """Whether events tell of changes in a folder, or it is looked at regularly."""
    kind = own.kind if own is not None else "an unknown file system"
    if feed.watch == "poll":
        words = f'{root.path} lies on {kind} and is looked at every {feed.poll_every:.0f} s, as watch = "poll" says'
    elif tells(own):
        words = f"{root.path} lies on {kind}: events tell at once what changes"
    elif feed.watch == "events":
        words = f"{root.path} lies on {kind}, which does not tell of changes made elsewhere: they show with each rescan"
        return warning(AREA, "file system", words, 'write watch = "auto" in this feed', feed.name)
    else:
        words = f"{root.path} lies on {kind}, which does not tell of changes made elsewhere: it is looked at "
        words += f"every {feed.poll_every:.0f} s, sooner where something changes"
    return well(AREA, "file system", words, feed.name)


def _nested(feed: Feed, root: AssetRoot, inside: list[Mount]) -> Finding:
    silent = [mount for mount in inside if not tells(mount)]
    places = ", ".join(shown(mount.point) for mount in inside[:3])
    words = f"{root.path} has {many(len(inside), 'mount')} inside it ({kinds(inside)}): {places}"
    if silent and feed.watch == "events":
        return warning(
            AREA, "mounts inside", f"{words}; not all tell of changes", 'write watch = "auto" in this feed', feed.name
        )
    how = "what does not tell of changes is polled" if silent else "events tell of them"
    return well(AREA, "mounts inside", f"{words}; {how}", feed.name)
