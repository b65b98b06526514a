"""Whether a root is the bare mount point of a disk that is missing, in which something has left files meanwhile.

An empty one tells itself (sources/reconcile.py). With files in it, it looks like a folder with new content: what was
known would be believed gone at the next listing, and what is there be taken.
"""

from __future__ import annotations

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, RootIdentity
from synapse_sync.sources.base import Source
from synapse_sync.sources.mounts import is_mount_point
from synapse_sync.steps.work import Work

_HINT = "mount it, then run again; nothing was lost. If it is to be this folder from now on, give the feed another name"


def refuse_bare_mount_point(work: Work, asset: str, source: Source, before: RootIdentity, now: RootIdentity) -> None:
    """Raise SourceUnavailable where another disk's folder is at the root, and none of the known files is in it.

    A folder that was made anew is on the same disk, and another card in a reader is mounted itself.
    """
    if source.remote or before.device == now.device or before.inode == now.inode or is_mount_point(source.root):
        return
    known = work.ledger.query("count_present", feed=work.id, asset=asset)[0]["files"]
    if not known:
        return
    strays = 0
    for directory in source.listing():
        work.going()
        if isinstance(directory, Directory):
            kept = {name for name in directory.files if source.keeps(directory.path, name)}
            rows = work.ledger.tuples("known_in_directory", feed=work.id, asset=asset, dir=directory.path)
            if any(name in kept and not gone for name, *_, gone in rows):
                return
            strays += len(kept)
    if strays:
        what = f"a folder of another disk, with {strays} other files, is at the place where {known} files were known"
        raise SourceUnavailable(f"{source.root}: {what}", hint=_HINT)
