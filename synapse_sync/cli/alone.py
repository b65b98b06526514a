"""What can't be done while the daemon is at work says what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from synapse_sync.errors import LedgerLocked


@contextmanager
def without_daemon() -> Iterator[None]:
    """Around what takes the ledger's lock and that the daemon does for nobody."""
    try:
        yield
    except LedgerLocked as error:
        stop = "`sudo systemctl stop synapse-sync` stops the service"
        error.hint = f"the daemon does not do this while it works: end it first ({stop}), start it again afterwards"
        raise
