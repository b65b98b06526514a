"""What lies in a folder, as far as a wizard needs it: kinds of files, and samples that show how they group."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from synapse_sync.errors import SourceError
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.metadata_files import MetadataFiles
from synapse_sync.grouping.names import MULTI_PART_EXTENSIONS, TABLE_NAMES, split_extension, untyped
from synapse_sync.metadata import sidecars
from synapse_sync.records import Directory, Observation, Spec
from synapse_sync.shown import joined, shown
from synapse_sync.sources.local import LocalSource
from synapse_sync.steps.detect import HEAD, kinds_of

MOST_FILES = 100_000
LONGEST = 30.0
"""Seconds that a person waits for a look at a folder."""
SAMPLE = 20_000  # files in each sample; as steps.infer has it
LOOKED_INTO = 500  # files whose names say nothing that are read (1 KiB each)


@dataclass
class Contents:
    """What was met. extensions: how many files have which ("" for none), of all; members: the files, for the layouts;
    whole: nothing was left out for number or time. tables: at the top, by their names. sidecars: files that only say
    something of others.
    """

    folders: int = 0
    extensions: Counter[str] = field(default_factory=Counter)
    members: list[Member] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    sidecars: int = 0
    unreadable: int = 0
    whole: bool = True

    @property
    def files(self) -> int:
        """How many there are."""
        return self.extensions.total()

    def samples(self) -> list[list[Member]]:
        """One sample by folder; where that is not all, one by name too, so that each layout finds whole units."""
        if len(self.members) <= SAMPLE:
            return [self.members]
        by_name = sorted(self.members, key=lambda member: member.path.rpartition("/")[2])
        return [self.members[:SAMPLE], by_name[:SAMPLE]]

    def metadata(self, *, sidecar: bool, table: str) -> MetadataFiles:
        """Which files are metadata by these answers."""
        return MetadataFiles(sidecars=sidecar, table=table)


def contents_of(path: str, specs: Sequence[Spec]) -> Contents:
    """Look through a folder. Raises SourceUnavailable."""
    found, source, began = Contents(), LocalSource(path), time.monotonic()
    taken = {extension for spec in specs for extension in spec.extensions}
    left = LOOKED_INTO if taken else 0
    for listed in source.listing():
        if not isinstance(listed, Directory):
            found.unreadable += 1
            continue
        found.folders += 1
        for name, observed in sorted(listed.files.items()):
            if not source.keeps(listed.path, name):
                continue
            file = joined(listed.path, name)
            kinds: tuple[str, ...] = ()
            if untyped(name) and left:
                left -= 1
                kinds = _kinds(source, file, observed)
            _note(found, listed.path, shown(file), kinds, observed, taken)
        if found.files >= MOST_FILES or time.monotonic() - began > LONGEST:
            found.whole = False
            break
    return found


def _note(
    found: Contents, folder: bytes, path: str, kinds: tuple[str, ...], observed: Observation, taken: set[str]
) -> None:
    name = path.rpartition("/")[2]
    extension = split_extension(name, MULTI_PART_EXTENSIONS)[1]
    found.extensions[extension] += 1
    if not folder and name.lower() in TABLE_NAMES and extension not in taken:
        found.tables.append(name)
    lowered = name.lower()
    meta = lowered in sidecars.of_folder() or any(lowered.endswith(f".meta{ending}") for ending in sidecars.ENDINGS)
    if meta or (lowered.endswith(sidecars.ENDINGS) and extension not in taken):
        found.sidecars += 1
    found.members.append(Member(len(found.members), "", path, observed.size, observed.mtime_ns, kinds))


def _kinds(source: LocalSource, file: bytes, observed: Observation) -> tuple[str, ...]:
    try:
        with source.open_observed(file, observed) as stream:
            return tuple(kinds_of(stream.read(HEAD)))
    except SourceError:
        return ()


def like(path: str) -> list[str]:
    """Folders that a person may have meant by one that isn't there: those beside it with a similar name."""
    from difflib import get_close_matches

    folder, name = os.path.split(path.rstrip("/"))
    try:
        there = [entry.name for entry in os.scandir(folder or "/") if entry.is_dir()]
    except OSError:
        return []
    return [os.path.join(folder, found) for found in get_close_matches(name, there, n=3)]
