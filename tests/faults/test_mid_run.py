"""What happens to the server while a run is at any of its requests: it gets another token, or it starts anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from synapse_sync.devserver import DevServer, Options
from synapse_sync.steps import backoff
from tests.integration.conftest import Outcome, until

from .chosen import chosen
from .hurry import hurry
from .matrix import ASKED
from .oracle import Allowed, come_to_rest, judge
from .workload import WAYS, Site

SAMPLE = 3
MEANWHILE = 0.15  # seconds that the request is held up, so that it is certainly under way
ENDING = 1.5  # seconds that a server which is stopped may go on working on what it has


class Moment(NamedTuple):
    """While the first request on a route is under way."""

    way: str
    route: str

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.way} {self.route}"


MOMENTS = [Moment(way, route) for way, routes in ASKED.items() for route in routes]


def moments(what: str) -> pytest.MarkDecorator:
    """All of them, or a sample."""
    some = [pytest.param(one, id=one.name) for one in chosen(MOMENTS, SAMPLE, what)]
    return pytest.mark.parametrize("moment", some)


@pytest.fixture
def own_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    """An installation with a server that nobody else uses."""
    hurry(monkeypatch.setattr)
    servers: list[DevServer] = []

    def site(way: str) -> Site:
        server = DevServer(Options(data=tmp_path / "backend", **WAYS[way].options))
        servers.append(server)
        server.start()
        one = Site(tmp_path, server, WAYS[way])
        one.set_up()
        return one

    yield site
    for server in servers:
        server.stop()


def sync_and(site: Site, route: str, act: Callable[[], None]) -> Outcome:
    """`once`, and what happens while its first request on this route is under way."""
    site.server.fault(route, "delay", seconds=MEANWHILE)

    def meanwhile() -> None:
        until(lambda: site.requests(route), f"{route} is asked")
        act()

    thread = threading.Thread(target=meanwhile)
    thread.start()
    outcome = site.sync()
    thread.join()
    return outcome


@moments("token")
def test_another_token_is_picked_up(own_site: Callable[[str], Site], moment: Moment) -> None:
    site = own_site(moment.way)

    def rotate() -> None:
        (site.folder / "token").write_text("syn_another")
        site.server.rotate_token("syn_another")

    outcome = sync_and(site, moment.route, rotate)

    assert outcome.exit_code == 0, outcome.stdout

    judge(site)


@moments("restart")
def test_a_server_that_starts_anew(
    own_site: Callable[[str], Site], monkeypatch: pytest.MonkeyPatch, moment: Moment
) -> None:
    """What it works on when it is stopped it may finish, without an answer."""
    site = own_site(moment.way)
    monkeypatch.setattr(backoff, "AT_WORK", ENDING)

    assert sync_and(site, moment.route, site.server.restart).exit_code in (0, 1, 3)

    time.sleep(ENDING)
    come_to_rest(site)
    judge(site, Allowed(bytes_twice=moment.route in ("POST data_files/", "PUT object/")))
