"""`run` through kills, signals, lost answers, servers that restart, tokens and configs that change: each unit once.

SYNAPSE_SYNC_BLOWS=n: so many blows on each way to a server. The dice are those of the printed seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.devserver import DevServer, Options

from .chosen import ALL, SEED, chosen
from .daemon_storm import Storm
from .workload import WAYS, Site

BLOWS = int(os.environ.get("SYNAPSE_SYNC_BLOWS", "40" if ALL else "3"))


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DevServer]:
    """A server of its own: its token changes."""
    with DevServer(Options(data=tmp_path / "backend", **WAYS[request.param].options)) as running:
        yield running


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("server", "way"), [(way, way) for way in chosen(list(WAYS), 1, "storm")], indirect=["server"])
def test_a_storm_over_a_daemon(tmp_path: Path, server: DevServer, way: str) -> None:
    storm = Storm(Site(tmp_path, server, WAYS[way]), random.Random(f"{SEED} storm {way}"))
    with storm.going_on():
        for _ in range(BLOWS):
            storm.act()
        storm.come_to_rest()
    storm.judge()
