"""The daemon's door: who listens, who may speak, and what is said where nobody can."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pytest

from synapse_sync import control
from synapse_sync.config import socket_places
from synapse_sync.control import Door, ask, running
from synapse_sync.errors import ControlRefused, NotRunning, UsageError
from synapse_sync.ledger.lock import locked

NOBODY = 65534


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file whose daemon has its socket in a folder of this test."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    config = tmp_path / "config.toml"
    config.touch()
    return config


@contextmanager
def opened(config: Path, answer: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Iterator[Door]:
    door = Door(config, answer)
    door.look()
    try:
        yield door
    finally:
        door.close()


def echo(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"command": command, **arguments}


def place_of(config: Path) -> Path:
    return next(place for place in socket_places(config) if place.exists())


def test_what_is_asked_is_answered(config: Path) -> None:
    with opened(config, echo):
        assert ask(config, "trigger", feeds=["scans"]) == {"command": "trigger", "feeds": ["scans"]}
    with pytest.raises(NotRunning):
        ask(config, "status")


def test_one_that_does_not_answer_is_not_taken_for_none(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "SOON", 0.2)
    ledger, done = config.with_name("ledger.db"), Event()
    with opened(config, lambda *_: {"late": done.wait()}), locked(ledger):
        found = running(config, ledger)
        done.set()
    assert found is not None
    assert (found["pid"], found["since"], found["feeds"]) == (os.getpid(), None, [])
    assert f"process {os.getpid()} holds the ledger and does not answer" in found["problem"]
    assert running(config, ledger) is None


def test_where_too_many_wait_to_be_let_in_somebody_is_there(config: Path) -> None:
    with opened(config, echo):
        place = place_of(config)
    with socket.socket(socket.AF_UNIX) as stopped, socket.socket(socket.AF_UNIX) as first:
        stopped.bind(str(place))
        stopped.listen(0)
        first.connect(str(place))
        with pytest.raises(ControlRefused, match="lets nobody in"):
            ask(config, "status")


def test_an_error_comes_in_its_own_words(config: Path) -> None:
    def refuse(_command: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise UsageError("no feed x runs", hint="its feeds: scans")

    with opened(config, refuse), pytest.raises(ControlRefused, match="no feed x runs") as refused:
        ask(config, "trigger")
    assert refused.value.hint == "its feeds: scans"
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("fault", [RuntimeError("dictionary changed size"), TimeoutError(), OSError("no more files")])
def test_a_fault_is_told_and_the_door_stays_open(config: Path, fault: Exception) -> None:
    faults = [fault]

    def fail(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if faults:
            raise faults.pop()
        return echo(command, arguments)

    with opened(config, fail):
        with pytest.raises(ControlRefused, match=type(fault).__name__):
            ask(config, "status")
        assert ask(config, "status") == {"command": "status"}


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b"[]\n", b"{}\n"])
def test_what_is_no_command_is_told_so(config: Path, line: bytes) -> None:
    with opened(config, echo), socket.socket(socket.AF_UNIX) as other:
        other.connect(str(place_of(config)))
        other.sendall(line)
        other.shutdown(socket.SHUT_WR)
        assert b"this is no command" in other.recv(10_000)


def test_the_socket_of_a_process_that_was_killed_is_taken_over(config: Path) -> None:
    with opened(config, echo):
        place = place_of(config)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(place))
    with opened(config, echo):
        assert ask(config, "status") == {"command": "status"}


def test_the_socket_of_a_process_that_lives_is_not(config: Path) -> None:
    with opened(config, lambda *_: {"first": True}), opened(config, lambda *_: {"first": False}) as second:
        second.look()
        assert ask(config, "status") == {"first": True}


def test_a_socket_that_was_taken_away_is_made_again(config: Path) -> None:
    with opened(config, echo) as door:
        place_of(config).unlink()
        door.look()
        assert ask(config, "status") == {"command": "status"}


@pytest.mark.usefixtures("as_root")
def test_who_may_not_speak_is_told_how_and_with_a_config_of_ones_own_that_nobody_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:  # pytest's own may be entered by nobody else
        os.chmod(folder, 0o755)
        monkeypatch.setenv("RUNTIME_DIRECTORY", f"{folder}/run")
        config = Path(folder, "config.toml")
        config.touch()
        as_nobody(config)


def as_nobody(config: Path) -> None:
    with opened(config, echo):
        os.seteuid(NOBODY)
        try:
            with pytest.raises(ControlRefused, match="this user may not speak") as refused:
                ask(config, "status")
            assert "sudo" in refused.value.hint
            os.seteuid(0)
            os.chown(config, NOBODY, NOBODY)
            os.seteuid(NOBODY)
            with pytest.raises(NotRunning):
                ask(config, "status")
        finally:
            os.seteuid(0)
