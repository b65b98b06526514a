"""`run`: files that arrive while it watches become units, commands reach it, what fails is waited for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.devserver import DevServer, Options

from .conftest import DIRECTORY, LONGEST, PAIR, Installation, until

QUICK = '[schedule]\nrun_every = "1s"\nrescan_every = "2s"\n'


@contextmanager
def running(site: Installation) -> Iterator[subprocess.Popen[str]]:
    """`synapse-sync run` as a process of its own, until it has ended."""
    with living(site, site.process("run", env={**os.environ, "XDG_RUNTIME_DIR": str(site.folder)})) as daemon:
        yield daemon


@contextmanager
def living(site: Installation, daemon: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A daemon from its first answer to its end."""
    try:
        until(lambda: status(site)["daemon"] is not None, "the daemon answers")
        yield daemon
    finally:
        if daemon.poll() is None:
            daemon.kill()
        with suppress(ValueError):
            print(daemon.communicate()[1])  # shown where a test fails


def ended(daemon: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    """Have it end by a signal; what it wrote to its log."""
    daemon.send_signal(number)
    _, log = daemon.communicate(timeout=LONGEST)
    assert daemon.returncode == 0, log
    assert "Traceback" not in log
    return log


def status(site: Installation) -> dict[str, Any]:
    outcome = site.run("status", "--json")
    return outcome.json if outcome.stdout else {"daemon": None}


def configure(site: Installation, head: str = QUICK, feed: str = "") -> None:
    """Units by folder, of which none waits for what it can do without."""
    site.configure(extra=DIRECTORY, head=head, feed=f'wait_optional = "0s"\n{feed}')


def counted(site: Installation, route: str) -> int:
    """How many requests the server got for routes of this name."""
    return sum(count for key, count in site.server.stats()["requests"].items() if key.endswith(route))


def units_by_state(site: Installation) -> Counter[str]:
    total: Counter[str] = Counter()
    for feed in status(site)["feeds"]:
        total.update(feed["units"])
    return total


def registered(site: Installation) -> set[str]:
    return set(site.units())


def test_what_is_there_and_what_arrives_become_units(site: Installation) -> None:
    configure(site)
    site.write(PAIR)
    with running(site) as daemon:
        until(lambda: registered(site) == {"p1"}, "what was there is registered")
        site.write({"p2/image.png": "another image", "p2/label.json": "another label"})
        until(lambda: registered(site) == {"p1", "p2"}, "what arrived is registered")
        ended(daemon)

    assert site.states() == {"p1": "registered", "p2": "registered"}


def test_status_says_why_folders_are_polled(site: Installation) -> None:
    configure(site, feed='watch = "poll"')
    site.write(PAIR)
    with running(site):
        until(lambda: registered(site) == {"p1"}, "what was there is registered")
        (watched,) = status(site)["daemon"]["feeds"][0]["watched"]

        assert (watched["by_events"], watched["by_polling"], watched["remedy"]) == (0, 2, "")
        assert f'{site.share}: 2 folders polled, 0 watched: watch = "poll"' in site.type("status").stdout


def test_a_folder_that_goes_and_comes_back_is_waited_for(site: Installation) -> None:
    configure(site, head='[schedule]\nrun_every = "1s"\n')
    site.write(PAIR)
    with running(site):
        until(lambda: registered(site) == {"p1"}, "what was there is registered")
        site.share.rename(site.folder / "away")
        until(lambda: status(site)["feeds"][0]["paused"], "it is missed")
        (site.folder / "away/p2").mkdir()
        for name in ("image.png", "label.json"):
            (site.folder / "away/p2" / name).write_text(f"a second {name}")
        (site.folder / "away").rename(site.share)
        until(lambda: registered(site) == {"p1", "p2"}, "it is looked at again")

        assert status(site)["feeds"][0]["paused"] == ""


def test_once_says_that_the_daemon_is_at_work(site: Installation) -> None:
    configure(site)
    with running(site) as daemon:
        refused = site.type("once")

        assert refused.exit_code == 4
        assert str(daemon.pid) in refused.stderr
        assert "synapse-sync trigger" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(site: Installation, number: int) -> None:
    configure(site)
    with running(site) as daemon:
        ended(daemon, number)

    assert status(site)["daemon"] is None


def test_a_feed_rests_over_a_restart_until_it_is_resumed(site: Installation) -> None:
    configure(site)
    with running(site) as daemon:
        assert site.type("pause", "scans").stdout == "resting: scans\n"
        ended(daemon)
    site.write(PAIR)
    with running(site):
        assert "rests" in site.type("trigger").stderr
        assert json.loads(site.run("status", "--json").stdout)["daemon"]["feeds"][0]["paused"] is True
        assert not registered(site)
        site.type("resume")
        until(lambda: registered(site) == {"p1"}, "a feed that was resumed goes on")


def test_a_trigger_runs_at_once(site: Installation) -> None:
    configure(site, head='[schedule]\nrun_every = "1h"\n')
    with running(site):
        until(lambda: site.run("status", "--json").json["daemon"]["feeds"][0]["doing"] == "", "the first run has ended")
        site.write(PAIR)
        assert site.type("trigger").stdout == "runs now: scans\n"
        until(lambda: registered(site) == {"p1"}, "what a trigger found is registered")


def test_commands_for_a_daemon_say_that_there_is_none(site: Installation) -> None:
    configure(site)

    for command in ("pause", "resume", "trigger", "reload"):
        refused = site.type(command)
        assert refused.exit_code == 1
        assert "synapse-sync run" in refused.stderr


def test_an_unknown_feed_is_named_by_the_daemon(site: Installation) -> None:
    configure(site)
    with running(site):
        refused = site.type("trigger", "scams")

        assert refused.exit_code == 2
        assert "its feeds: scans" in refused.stderr


def test_a_changed_config_is_taken_over_and_an_invalid_one_is_not(site: Installation) -> None:
    configure(site, feed='exclude = ["p1/"]')
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})
    with running(site) as daemon:
        until(lambda: registered(site) == {"p2"}, "what is not excluded is registered")
        good = (site.folder / "config.toml").read_text()
        (site.folder / "config.toml").write_text(good + "\nnonsense = 1\n")

        assert site.type("reload").exit_code == 2
        (site.folder / "config.toml").write_text(good.replace('exclude = ["p1/"]', ""))

        assert site.type("reload").stdout == "the config is in use: changed scans\n"
        until(lambda: registered(site) == {"p1", "p2"}, "what is no longer excluded is registered")
        assert "nonsense" in ended(daemon)


def test_sighup_reloads(site: Installation) -> None:
    configure(site, feed='exclude = ["p1/"]')
    site.write(PAIR)
    with running(site) as daemon:
        config = site.folder / "config.toml"
        config.write_text(config.read_text().replace('exclude = ["p1/"]', ""))
        daemon.send_signal(signal.SIGHUP)
        until(lambda: registered(site) == {"p1"}, "what is no longer excluded is registered")


def test_a_reload_for_which_there_is_no_token_changes_nothing(site: Installation) -> None:
    configure(site)
    with running(site) as daemon:
        config, token = site.folder / "config.toml", site.folder / "token"
        config.write_text(config.read_text().replace('run_every = "1s"', 'run_every = "2s"'))
        token.rename(site.folder / "away")

        assert site.type("reload").exit_code == 2
        (site.folder / "away").rename(token)
        site.write(PAIR)
        until(lambda: registered(site) == {"p1"}, "it goes on with the config that it has")

        assert "all feeds begin anew" in site.type("reload").stdout
        token.unlink()  # it was read when the config was
        site.write({"p2/image.png": "another image", "p2/label.json": "another label"})
        until(lambda: registered(site) == {"p1", "p2"}, "it goes on with the new config")
        ended(daemon)


def test_a_feed_is_taken_away_and_all_begin_anew_while_somebody_is_told_how_they_are(site: Installation) -> None:
    ping = f'ping_url = "{site.server.url}/users/me/"\n'
    other = f'[[feeds]]\nname = "other"\ndata_collection = {site.collection or 1}\npath = "other"\nsettle = "0s"\n'
    (site.folder / "other").mkdir()
    configure(site, head=QUICK + ping)
    config = site.folder / "config.toml"
    alone = config.read_text()
    config.write_text(alone + other)
    with running(site) as daemon:
        until(lambda: all(feed["doing"] == "" for feed in status(site)["daemon"]["feeds"]), "both feeds rest")
        config.write_text(alone.replace('run_every = "1s"', 'run_every = "2s"'))

        assert "removed other" in site.type("reload").stdout
        site.write(PAIR)
        until(lambda: registered(site) == {"p1"}, "it goes on")
        ended(daemon)


def test_feeds_that_begin_anew_meanwhile_can_be_told_to_rest(site: Installation) -> None:
    configure(site)
    site.write({"p1/image.png": os.urandom(4 << 20), "p1/label.json": "a label"})
    site.server.fault("PUT object/", "delay", seconds=5.0, times=None)
    with running(site) as daemon:
        until(lambda: counted(site, "PUT object/"), "something is on its way")
        config = site.folder / "config.toml"
        config.write_text(config.read_text().replace('run_every = "1s"', 'run_every = "2s"'))
        site.type("reload")

        assert site.type("pause", "scans").stdout == "resting: scans\n"
        until(lambda: [feed["paused"] for feed in status(site)["daemon"]["feeds"]] == [True], "it begins, and rests")
        ended(daemon)


def test_a_held_unit_is_retried_and_a_unit_forgotten_through_the_daemon(site: Installation) -> None:
    configure(site)
    site.write(PAIR)
    with running(site):
        until(lambda: site.states() == {"p1": "registered"}, "it is registered")
        site.write({"p1/image.png": "a changed image"})
        until(lambda: site.states() == {"p1": "registered", "p1#2": "held"}, "the change is held")

        assert site.type("retry", "p1").stdout.startswith("1 unit ")
        until(lambda: site.states() == {"p1": "registered", "p1#2": "registered"}, "it went as a new unit")
        assert "--registered" in site.type("forget", "p1").stderr


def test_a_server_that_is_down_is_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = DevServer(Options(data=tmp_path / "backend", port=port))
    with server:
        site = Installation(tmp_path, server)
        configure(site)
    site.write(PAIR)
    with running(site) as daemon:
        until(lambda: status(site)["daemon"]["feeds"][0]["trouble"], "the server is missed")
        assert daemon.poll() is None
        with server:
            site.type("trigger")
            until(lambda: registered(site) == {"p1"}, "what had waited is registered")
            until(lambda: not status(site)["daemon"]["feeds"][0]["trouble"], "all is well")
            log = ended(daemon)

    assert "all is well again" in log


def test_a_folder_that_is_not_there_is_waited_for(site: Installation) -> None:
    configure(site)
    site.share.rename(site.folder / "elsewhere")
    with running(site):
        until(lambda: status(site)["feeds"][0]["paused"], "the feed is paused")
        (site.folder / "elsewhere").rename(site.share)
        site.write(PAIR)
        until(lambda: registered(site) == {"p1"}, "what lies in the folder is registered")
        until(lambda: not status(site)["feeds"][0]["paused"], "the feed is no longer paused")


def test_two_feeds_that_find_the_same_content_at_once_send_it_once(site: Installation) -> None:
    configure(site)
    other = site.folder / "other"
    config = site.folder / "config.toml"
    first = config.read_text()
    second = first[first.index("[[feeds]]") :].replace('"scans"', '"others"').replace('"share"', '"other"')
    config.write_text(first + second)
    many = {f"p{n}/{name}": f"{name} {n}" for n in range(40) for name in ("image.png", "label.json")}
    site.write(many)
    other.mkdir()
    for name, content in many.items():
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).write_text(content)
    with running(site):
        until(lambda: len(registered(site)) == 40, "all are registered")
        until(lambda: units_by_state(site) == {"registered": 40, "duplicate": 40}, "the others are duplicates")

    assert len(site.server.units(site.collection)) == 40
    assert not any(event["kind"] == "data_file_again" for event in site.server.events())
