"""Folders that people's names and other users' rights can be tried on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def root() -> Iterator[Path]:
    """An empty folder that every user may enter; pytest's own tmp_path may be entered by its owner only."""
    folder = Path(tempfile.mkdtemp(prefix="synapse-sync-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def ordinary_user() -> Callable[[], AbstractContextManager[int]]:
    """Within it this process has no more rights than an ordinary user; gives the user's number."""

    @contextmanager
    def within() -> Iterator[int]:
        if os.geteuid() != 0:
            yield os.geteuid()
            return
        os.seteuid(NOBODY)
        try:
            yield NOBODY
        finally:
            os.seteuid(0)

    return within
