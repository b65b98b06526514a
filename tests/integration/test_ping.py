"""The ping, against a server that notes each request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.health import Verdict
from synapse_sync.ping import REPEATED, Ping, failing

from .conftest import until
from .listener import Listener

WELL = Verdict("well")
HELD = Verdict("needs a person", "scans: 2 held")
WAITS = Verdict("waits", "scans: the server can't be reached")


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ping(listener: Listener, clock: Clock) -> Iterator[Ping]:
    ping = Ping(listener.url, 60.0, clock)
    yield ping
    ping.stop()


def test_well_is_told_once_a_minute(ping: Ping, listener: Listener, clock: Clock) -> None:
    for second in range(121):
        clock.now = second
        ping.tell(WELL)
        if second % 60 == 0:
            listener.heard(1 + second // 60)

    assert listener.heard(3) == ["GET /ping/secret-id"] * 3


def test_what_needs_a_person_is_told_at_once_then_hourly_and_when_it_changes(
    ping: Ping, listener: Listener, clock: Clock
) -> None:
    told = [(0.0, HELD), (60.0, HELD), (120.0, Verdict("needs a person", "scans: 3 held")), (180.0, WELL)]
    count = 0
    for clock.now, verdict in told:
        ping.tell(verdict)
        count += verdict != HELD or clock.now == 0
        listener.heard(count)
    clock.now += REPEATED
    ping.tell(Verdict("needs a person", "scans: 3 held"))

    assert listener.heard(4) == [
        "POST /ping/secret-id/fail scans: 2 held",
        "POST /ping/secret-id/fail scans: 3 held",
        "GET /ping/secret-id",
        "POST /ping/secret-id/fail scans: 3 held",
    ]


def test_what_may_pass_is_not_told(ping: Ping, listener: Listener, clock: Clock) -> None:
    ping.tell(WAITS)
    ping.tell(WELL)
    listener.heard(1)
    clock.now = 60.0
    ping.tell(WAITS)
    ping.tell(WELL)

    assert listener.heard(2) == ["GET /ping/secret-id"] * 2


def test_nothing_of_ours_is_sent(
    ping: Ping, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("SYNAPSE_ACCESS_TOKEN", "syn_0123456789abcdef")
    ping.tell(HELD)
    listener.heard(1)

    [request] = listener.requests
    assert request.headers.keys() == {"Host", "User-Agent", "Accept-Encoding", "Content-Type", "Content-Length"}
    assert request.headers["User-Agent"] == "synapse-sync"


@pytest.mark.parametrize("status", [405, 501])
def test_an_address_that_takes_no_body_is_fetched(ping: Ping, listener: Listener, status: int) -> None:
    listener.status["POST"] = status
    ping.tell(HELD)

    assert listener.heard(2)[1] == "GET /ping/secret-id/fail"


def test_a_ping_that_fails_is_told_once_without_its_address(
    ping: Ping, listener: Listener, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    listener.status["GET"] = 404
    for count in range(3):
        clock.now = count * 60.0
        ping.tell(WELL)
        listener.heard(count + 1)
    listener.status["GET"] = 200
    clock.now += 60.0
    ping.tell(WELL)
    listener.heard(4)
    until(lambda: "works again" in caplog.text, "it is told that it works again")

    assert [record.message for record in caplog.records] == [
        "the ping to 127.0.0.1 failed: it answers 404; it goes on trying",
        "the ping to 127.0.0.1 works again",
    ]


def test_a_service_that_is_not_there_disturbs_nobody(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    ping = Ping("http://127.0.0.1:9/secret-id", 60.0, clock)
    ping.tell(WELL)
    until(lambda: "failed" in caplog.text, "it is told")
    ping.stop()

    assert "ConnectionError" in caplog.text
    assert "secret-id" not in caplog.text


def test_a_proxy_of_the_environment_is_used(listener: Listener, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", listener.url.removesuffix("/ping/secret-id"))
    monkeypatch.setenv("no_proxy", "")
    ping = Ping("http://ping.example.org/scans", 60.0, clock)
    ping.tell(WELL)

    assert listener.heard(1) == ["GET http://ping.example.org/scans"]
    ping.stop()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hc.example.org/uuid", "https://hc.example.org/uuid/fail"),
        ("https://hc.example.org/uuid/", "https://hc.example.org/uuid/fail"),
        ("https://kuma.example.org/push/key?status=up", "https://kuma.example.org/push/key/fail?status=up"),
    ],
)
def test_the_address_that_tells_of_a_failure(url: str, expected: str) -> None:
    assert failing(url) == expected
