"""A ledger in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.ledger import Ledger, open_for_writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is going to be."""
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """A new ledger, open for writing."""
    with open_for_writing(path, create=True) as ledger:
        yield ledger
