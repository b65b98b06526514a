"""A new ledger in the place of one that is lost or damaged; that one stays beside it under another name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synapse_sync.ledger.lock import locked
from synapse_sync.ledger.older import Mark
from synapse_sync.ledger.opening import open_for_writing
from synapse_sync.ledger.store import Ledger

_ENDINGS = ("", "-wal", "-shm")


@contextmanager
def replacing(path: Path) -> Iterator[Ledger]:
    """A new ledger that comes to `path` when the block ends; an error leaves what is there as it is.

    The old one, if there is one, gets the name PATH.replaced-TIME, and is an older copy from then on. Raises
    LedgerErrors: a ledger at work is not replaced.
    """
    new = path.with_name(path.name + ".rebuilt")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(path) as lock:
        _remove(new)
        with open_for_writing(new, create=True) as ledger:
            yield ledger
            with ledger.write(durable=True, above=Mark.read(lock.mark).number):
                pass  # its number alone is written
            number = ledger.number
        aside = path.with_name(f"{path.name}.replaced-{time.strftime('%Y%m%dT%H%M%S')}")
        for ending in _ENDINGS:
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
        new.rename(path)
        lock.keep(Mark(path.stat().st_ino, number).write())
        _remove(new)


def _remove(new: Path) -> None:
    for ending in (*_ENDINGS, ".lock"):
        new.with_name(new.name + ending).unlink(missing_ok=True)
