"""Reading the ledger's rows: what several steps need to know of a file's row."""

from __future__ import annotations

from synapse_sync.ledger import Row
from synapse_sync.records import Observation
from synapse_sync.shown import joined, shown_name


def raw_path(row: Row) -> bytes:
    """A file's path relative to its source's root, as the file system has it."""
    return joined(bytes(row["dir"]), bytes(row["name"]))


def shown_path(row: Row) -> str:
    """The same as text: what people, meta and the server see."""
    return shown_name(row["dir"], row["name"])


def observation(row: Row) -> Observation:
    """What the ledger last recorded of the file."""
    return Observation(row["size"], row["mtime_ns"], row["ctime_ns"], row["token"])
