"""The folders that files come from: there, and readable by whoever runs this, from the top of the disk down."""

from __future__ import annotations

import os
import shlex
import threading
import time
from collections.abc import Iterator

from synapse_sync.config import AssetRoot
from synapse_sync.doctor.findings import Finding, problem, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.doctor.tree import Tree, looked_through
from synapse_sync.errors import SourceUnavailable
from synapse_sync.installation.access import ENTER, READ, Identity, Obstacle, group_name, helpful, obstacle, user_name
from synapse_sync.installation.examine import PRIVATE
from synapse_sync.sources.configured import local_source
from synapse_sync.sources.refusals import refusal
from synapse_sync.status.words import many

AREA = "folder"
PATIENCE = 10.0
"""Seconds that a folder may take to be opened: a network mount without its server blocks whoever asks, for ever."""


def folders(situation: Situation) -> Iterator[Finding]:
    """Each folder of each feed."""
    for feed, root in list(situation.roots()):
        answer: list[Finding] = []
        asking = threading.Thread(target=_asked, args=(root.path, feed.name, answer), daemon=True)
        asking.start()
        asking.join(PATIENCE)
        if answer:
            yield answer[0]
        else:
            situation.silent.add(root.path)
            words = f"{root.path} gives no answer for {PATIENCE:.0f} s: the server of its mount is gone, as a rule"
            yield problem(
                AREA, "there", words, f"sudo umount -l {shlex.quote(root.path)}   # then mount it again", feed.name
            )


def contents(situation: Situation) -> Iterator[Finding]:
    """What lies in each folder, and what of it can't be listed."""
    for feed, root in situation.roots():
        began = time.monotonic()
        try:
            tree = situation.trees[root.path] = looked_through(local_source(root))
        except SourceUnavailable:
            continue  # told by folders()
        count = f"{many(tree.files, 'file')} in {many(tree.folders, 'folder')}"
        left_out = f", {tree.excluded:,} left out by the filters" if tree.excluded else ""
        took = f"{time.monotonic() - began:.1f} s"
        least = f"(looked at in {took})" if tree.whole else f"at least (left after {took})"
        yield well(AREA, "contents", f"{root.path}: {count}{left_out} {least}", feed.name)
        if tree.unreadable:
            words = f"{many(len(tree.unreadable), 'folder')} below {root.path} can't be listed, for example "
            example, _, line = tree.unreadable[0].rpartition("; ")
            yield problem(AREA, "below", words + example, line.removeprefix("allow it, for example: "), feed.name)
        if tree.closed:
            yield _closed(root, tree, feed.name)


def _closed(root: AssetRoot, tree: Tree, feed: str) -> Finding:
    words = f"{many(tree.closed, 'file')} of those first looked at below {root.path} can't be read by {_name()}, "
    line = f"sudo setfacl -R -m u:{_name()}:rX {shlex.quote(root.path)}   # once more with -d for files to come"
    return problem(AREA, "files", f"{words}for example {tree.closed_example}", line, feed)


def _asked(path: str, feed: str, answer: list[Finding]) -> None:
    answer.append(look(path, feed))


def look(path: str, feed: str) -> Finding:
    """One folder."""
    if not os.path.isdir(path):
        return _not_there(path, feed)
    try:
        os.listdir(path)
    except OSError as error:
        try:
            found = obstacle(path, myself())
        except OSError:
            found = None
        if found is None:
            why = refusal(error, os.fsencode(path))
            return problem(AREA, "readable", f"{path}: {why.what}", why.hint, feed)
        return problem(AREA, "readable", f"{path} can't be read: {found}", remedy(found, path), feed)
    return well(AREA, "readable", f"{path} can be read by {_name()}", feed)


def myself() -> Identity:
    """Who runs this."""
    return Identity(os.geteuid(), frozenset((os.getegid(), *os.getgroups())))


def remedy(found: Obstacle, path: str) -> str:
    """The line that takes an obstacle on the way to a path away: a group that is let in, its group's rights, an ACL."""
    name = shlex.quote(found.path)
    need, bits = (READ | ENTER, "rx") if found.path == os.path.realpath(path) else (ENTER, "x")
    if found.path in PRIVATE:
        return f"mv {shlex.quote(path)} /srv/   # {found.path} should stay as it is: move the folder, and correct path"
    if groups := helpful(found.rights, need):
        return f"sudo usermod -aG {group_name(groups[0])} {_name()}   # then log in anew"
    if found.rights.group in myself().groups and found.rights.group != 0:
        return f"sudo chmod g+{bits} {name}"
    return f"sudo setfacl -m u:{_name()}:{bits} {name}"


def _not_there(path: str, feed: str) -> Finding:
    nearest = path
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    try:
        os.stat(path)
    except OSError as error:
        if error.errno not in (2, 20):
            blocked = obstacle(nearest, myself()) if os.path.exists(nearest) else None
            if blocked is not None:
                return problem(AREA, "there", f"{path} can't be reached: {blocked}", remedy(blocked, path), feed)
            why = refusal(error, os.fsencode(path))
            return problem(AREA, "there", f"{path}: {why.what}", why.hint, feed)
    if os.path.exists(path):
        return problem(AREA, "there", f"{path} is a file", "name the folder that it lies in as path", feed)
    words = f"{path} is not there; of its way {nearest} is"
    return problem(
        AREA, "there", words, f"ls {shlex.quote(nearest)}   # then correct path, or mount what belongs there", feed
    )


def _name() -> str:
    return user_name(os.geteuid())
