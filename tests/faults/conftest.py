"""A server for each way, kept for all tests of a process, and an installation that hurries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.devserver import DevServer, Options

from .hurry import hurry
from .workload import WAYS, Site, Way


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have counted."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, told in getattr(report, "user_properties", []):
                terminalreporter.write_line(f"{name}: {told}")


Servers = Callable[[Way, Mapping[str, Any]], DevServer]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The embedded server is stopped in mid-request here: what sockets it leaves behind is no failure."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Embedded backends by their options: starting and ending one takes longer than most tests."""
    running: dict[str, DevServer] = {}

    def server(way: Way, options: Mapping[str, Any]) -> DevServer:
        chosen = {**way.options, **options}
        name = repr(sorted(chosen.items()))
        if name not in running:
            running[name] = DevServer(Options(data=tmp_path_factory.mktemp("backend"), **chosen))
            running[name].start()
        return running[name]

    yield server
    for one in running.values():
        one.stop()


@pytest.fixture
def site_of(tmp_path: Path, _servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Site]:
    """site_of(way, folder, options of the server): an installation with a server in which there is nothing."""
    hurry(monkeypatch.setattr)

    def site(way: str, folder: str = "", **options: Any) -> Site:
        server = _servers(WAYS[way], options)
        server.empty()
        (tmp_path / folder).mkdir(exist_ok=True)
        return Site(tmp_path / folder, server, WAYS[way])

    return site


@pytest.fixture(params=WAYS)
def site(request: pytest.FixtureRequest, site_of: Callable[..., Site]) -> Site:
    """An installation for each way, set up."""
    one = site_of(request.param)
    one.set_up()
    return one
