"""A bounded look through a folder: how many folders it has, and names and places that will make trouble."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from synapse_sync.records import Directory, Unreadable
from synapse_sync.shown import joined, shown, shown_name
from synapse_sync.sources.local import LocalSource

MOST_FILES = 500_000
TRIED = 2000
"""Files whose rights are looked at."""
LONGEST = 10.0
"""Seconds: a look at a slow share must not keep a person waiting."""


@dataclass
class Tree:
    """What was met; whole: nothing was left out for time or number. Of each kind of trouble the first example is kept,
    with how often it occurred. closed: files of the first TRIED that this user may not read.
    """

    folders: int = 0
    files: int = 0
    excluded: int = 0
    whole: bool = True
    unreadable: list[str] = field(default_factory=list)
    undecodable: int = 0
    undecodable_example: str = ""
    twins: int = 0
    twins_example: str = ""
    closed: int = 0
    closed_example: str = ""


def looked_through(source: LocalSource) -> Tree:
    """Look through a source as a run would list it. Raises SourceUnavailable."""
    tree, began = Tree(), time.monotonic()
    for found in source.listing():
        if isinstance(found, Unreadable):
            tree.unreadable.append(f"{shown(found.path)}: {found.reason}")
            continue
        _count(tree, found, source)
        if tree.files >= MOST_FILES or time.monotonic() - began > LONGEST:
            tree.whole = False
            break
    return tree


def _count(tree: Tree, directory: Directory, source: LocalSource) -> None:
    tree.folders += 1
    before = tree.files
    tree.excluded += directory.excluded_folders
    kept = [name for name in directory.files if source.keeps(directory.path, name)]
    tree.files += len(kept)
    tree.excluded += len(directory.files) - len(kept)
    for name in kept[: max(TRIED - before, 0)]:
        path = source.path.rstrip(b"/") + b"/" + joined(directory.path, name)
        if not os.access(path, os.R_OK, effective_ids=True):
            tree.closed += 1
            tree.closed_example = tree.closed_example or shown(path)
    if all(name.isascii() and name.islower() for name in kept):
        return
    seen: dict[str, bytes] = {}
    for name, text in _decoded(kept):
        if text is None:
            tree.undecodable += 1
            tree.undecodable_example = tree.undecodable_example or shown_name(directory.path, name)
            continue
        same = unicodedata.normalize("NFC", text).casefold()
        if same in seen:
            tree.twins += 1
            pair = f"{shown_name(directory.path, seen[same])} and {shown(name)}"
            tree.twins_example = tree.twins_example or pair
        seen[same] = name


def _decoded(names: list[bytes]) -> Iterator[tuple[bytes, str | None]]:
    for name in names:
        try:
            yield name, name.decode()
        except UnicodeDecodeError:
            yield name, None
