"""When a storage is asked for, and what serves while the server can't be asked."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from synapse_sync.errors import Busy, SourceUnavailable, StorageUnusable, TokenRefused, Unreachable
from synapse_sync.grants import Secrets
from synapse_sync.records import StorageSession
from synapse_sync.storages import sessions
from synapse_sync.storages.sessions import MAX_AGE, PAUSE, Storages


class Server:
    """A destination as far as storages are concerned."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.lasts: float | None = None
        self.error: Exception | None = None
        self.errors: list[Exception] = []
        self.renews = False

    def storage(self, number: int) -> StorageSession:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        if self.error is not None:
            raise self.error
        ends = None if self.lasts is None else self.now + self.lasts
        return StorageSession("s3", {}, Secrets({"secret_key": f"{number}-{self.asked}"}), ends)

    def renew(self) -> bool:
        self.error = None if self.renews else self.error
        return self.renews


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def storages(server: Server) -> Any:
    destination: Any = server
    return Storages(destination, clock=lambda: server.now)


def test_it_is_asked_for_once_and_again_when_it_is_old_or_doubted(server: Server, storages: Storages) -> None:
    first = storages.session(11)
    server.now += MAX_AGE - 1
    assert storages.session(11) is first
    assert storages.session(12) is not first
    server.now += 1
    second = storages.session(11)
    assert second is not first
    assert storages.session(11, doubted=True) is not second
    assert server.asked == 4


def test_a_session_is_asked_for_anew_before_it_ends_and_a_short_one_not_at_every_turn(
    server: Server, storages: Storages
) -> None:
    server.lasts = 100.0
    first = storages.session(11)
    server.now += 89
    assert storages.session(11) is first
    server.now += 1
    assert storages.session(11) is not first
    assert storages.session(11) is storages.session(11)


def test_while_the_server_is_away_what_is_known_serves_until_it_ends_and_is_seldom_asked_for(
    server: Server, storages: Storages
) -> None:
    server.lasts = 1000.0
    first = storages.session(11)
    server.error = Unreachable("away")
    server.now += 990
    assert storages.session(11) is first
    assert storages.session(11) is first
    assert server.asked == 2
    server.now += min(PAUSE, 10)
    with pytest.raises(SourceUnavailable, match="away") as ended:
        storages.session(11)
    assert ended.value.exit_code == Unreachable.exit_code


def test_a_storage_that_may_not_be_used_any_more_does_not_serve_on(server: Server, storages: Storages) -> None:
    storages.session(11)
    server.error = StorageUnusable("no longer", hint="ask")
    with pytest.raises(SourceUnavailable, match="no longer"):
        storages.session(11, doubted=True)


def test_a_token_that_was_replaced_is_read_again(server: Server, storages: Storages) -> None:
    server.error = TokenRefused("no")
    with pytest.raises(SourceUnavailable, match="no"):
        storages.session(11)
    server.renews = True
    assert storages.session(11)


def test_a_server_that_fails_at_first_is_asked_again_by_who_is_patient(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "AGAIN", 0.001)
    destination: Any = server
    server.errors = [Busy("busy"), Unreachable("away")]
    assert Storages(destination, patience=60.0).session(11)
    assert server.asked == 3
    server.errors = [Busy("busy")]
    with pytest.raises(SourceUnavailable, match="busy"):
        Storages(destination).session(11)
    stop = threading.Event()
    stop.set()
    server.errors = [Busy("busy")]
    with pytest.raises(SourceUnavailable, match="busy"):
        Storages(destination, patience=60.0, stop=stop).session(11)


def test_every_secret_is_kept_out_of_the_log(server: Server) -> None:
    destination: Any = server
    hidden: list[str] = []
    storages = Storages(destination, hidden.append, hidden.remove, lambda: server.now)
    storages.session(11)
    assert hidden == ["11-1"]
    storages.session(11, doubted=True)
    assert hidden == ["11-2"], "what was replaced is not kept for years"
