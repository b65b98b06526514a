"""What stands at a path of an FTP server, and what is in a folder. Raises what ftplib raises, Lost, and Refused.

The server's own words for "no" mostly don't tell whether a file is missing or may not be had, and only one that is
missing may count as deleted: where it is not clear, the folder above is asked for its names.
"""

from __future__ import annotations

import ftplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from synapse_sync.records import Observation
from synapse_sync.shown import shown
from synapse_sync.sources.conversing import Entry, Refused
from synapse_sync.sources.ftp.kept import Kept
from synapse_sync.sources.ftp.listings import answered_entry, machine_entry, plain_entry, size_of, time_of
from synapse_sync.sources.ftp.refusals import Unclear, meant, require_whole
from synapse_sync.sources.ftp.wire import RECEIVED, Wire

_REFUSALS = (ftplib.error_perm, ftplib.error_temp)


def look(wire: Wire, path: str, *, follow: bool) -> Entry:
    """What stands there; see Conversation."""
    if not wire.machine:
        return _asked_for(wire, path)
    with cleared_up(wire, path):
        answer = wire.sendcmd(f"MLST {path}")
    entry = answered_entry(answer.encode("latin-1"))
    return _asked_for(wire, path) if entry.kind == "unsaid" or (entry.kind == "link" and follow) else entry


def enter(wire: Wire, path: str) -> None:
    """Go into a folder, and no further where there is none.

    Many servers list a folder that is not there as an empty one, and take a name for options or a pattern.
    """
    with cleared_up(wire, path):
        wire.cwd(path)


def entries(wire: Wire) -> Iterator[Entry]:
    """What is in the folder that was entered, once the server has said that this is all."""
    kept = Kept()
    data = wire.transfer("MLSD" if wire.machine else "LIST")
    try:
        while piece := data.recv(RECEIVED):
            kept.add(piece)
    except BaseException:
        data.close()
        raise
    require_whole(wire.received(data))
    kept.ended()
    return _parsed(kept, machine_entry if wire.machine else plain_entry)


@contextmanager
def cleared_up(wire: Wire, path: str) -> Iterator[None]:
    """Raises Refused with what is the matter where the server only says that it does not."""
    try:
        yield
    except _REFUSALS as error:
        why = meant(error)
        if not isinstance(why, Unclear):
            raise why from error
        there = _beside(wire, path) is not None
        raise Refused(str(why), gone=not there, denied=there) from error


def _asked_for(wire: Wire, path: str) -> Entry:
    """A file is what has a size and a time, a folder what can be entered."""
    try:
        size = size_of(wire.sendcmd(f"SIZE {path}").split()[-1].encode("latin-1"))
        written = time_of(wire.sendcmd(f"MDTM {path}").split()[-1].encode("latin-1"))
    except _REFUSALS as error:
        why = meant(error)
        if not isinstance(why, Refused) or why.gone:
            raise why from error
        return _no_file(wire, path, why)
    if size is None or written is None:
        return Entry(b"", "unsaid")
    return Entry(b"", "file", Observation(size, written, 0, ""))


def _no_file(wire: Wire, path: str, why: Refused) -> Entry:
    try:
        wire.cwd(path)
    except _REFUSALS as error:
        beside = _beside(wire, path)
        if beside is None:
            raise Refused(str(why), gone=True) from error
        if beside.kind in ("link", "special"):
            return beside
        raise Refused(str(why), denied=isinstance(why, Unclear) or why.denied, hint=why.hint) from error
    return Entry(b"", "folder")


def _beside(wire: Wire, path: str) -> Entry | None:
    """What the folder above has of that name; None where it has none, "unsaid" where that can't be told."""
    parent, _, name = path.rstrip("/").rpartition("/")
    if not name:
        return Entry(b"", "unsaid")
    try:
        wire.cwd(parent or "/")
    except _REFUSALS:
        return Entry(b"", "unsaid") if not parent or _beside(wire, parent) else None
    wanted = name.encode("latin-1")
    return next((entry for entry in entries(wire) if entry.name == wanted), None)


def _parsed(kept: Kept, parse: Callable[[bytes], Entry | None]) -> Iterator[Entry]:
    for line in kept.lines():
        try:
            entry = parse(line)
        except ValueError as error:
            hint = "read it by SFTP, or mount it here instead; if a name there holds a line's end, rename that"
            raise Refused(f'"{shown(line[:200])}" {error}', hint=hint) from error
        if entry is not None:
            yield entry
