"""The commands `config check`, `config show`, `config schema` and `login`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from synapse_sync.cli import config as config_commands
from synapse_sync.cli.login import login
from synapse_sync.errors import ConfigError, CredentialsError, UsageError

GOOD = '[[feeds]]\nname = "scans"\ndata_collection = 1\npath = "/srv/scans"\n'
RUNNER = CliRunner()

login_app = typer.Typer()
login_app.command()(login)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file, in a clean environment with a home of its own."""
    for name in (
        "SYNAPSE_HOST",
        "SYNAPSE_ACCESS_TOKEN",
        "SYNAPSE_SYNC_CONFIG",
        "CREDENTIALS_DIRECTORY",
        "XDG_STATE_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "scans.toml"
    path.write_text(GOOD)
    return path


def run(file: Path, *arguments: str) -> Result:
    result = RUNNER.invoke(config_commands.app, arguments, obj=file)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_check_says_that_all_is_well(file: Path) -> None:
    lines = run(file, "check").stdout.splitlines()

    assert lines[0] == "feed scans: /srv/scans to data collection 1; grouped as the files show; settled after 30s"
    assert lines[1] == f"{file}: all well, 1 feed"
    assert lines[2].endswith(f"synapse-sync --config {file} doctor")


def test_check_shows_warnings(file: Path) -> None:
    file.write_text('server.url = "http://nas.local"\n' + GOOD)
    assert run(file, "check").stdout.startswith("warning: server.url: http://nas.local is not encrypted")
    answer = json.loads(run(file, "check", "--json").stdout)
    assert (answer["config_file"], answer["feeds"], len(answer["warnings"])) == (str(file), ["scans"], 1)


def test_check_raises_what_is_wrong(file: Path) -> None:
    file.write_text(GOOD + "setle = 1")
    with pytest.raises(ConfigError) as refused:
        run(file, "check")
    assert "did you mean 'settle'" in refused.value.problems[0]


def test_without_config_option_the_usual_places_are_used(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNAPSE_SYNC_CONFIG", str(file))
    result = RUNNER.invoke(config_commands.app, ["check"], obj=None)
    assert str(file) in result.stdout


def test_show_prints_toml_with_all_defaults_and_a_masked_token(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNAPSE_ACCESS_TOKEN", "syn_0123456789")
    monkeypatch.setenv("SYNAPSE_HOST", "https://other.example.org")
    shown = run(file, "show").stdout
    assert tomllib.loads(shown)["feeds"][0]["settle"] == "30s"
    assert "# token: syn_… from SYNAPSE_ACCESS_TOKEN" in shown
    assert "# server: https://other.example.org" in shown
    assert f"# ledger: {file.parent}/.local/state/synapse-sync/scans-" in shown
    assert "0123" not in shown


def test_show_keeps_the_address_of_the_ping_to_itself(file: Path) -> None:
    file.write_text('schedule.ping_url = "https://ping.example.org/secret-id"\n' + GOOD)
    for option in ([], ["--json"]):
        shown = run(file, "show", *option).stdout
        assert "secret-id" not in shown
        assert "https://ping.example.org/…" in shown


def test_show_says_that_there_is_no_token(file: Path) -> None:
    assert "# token: there is no access token: looked in" in run(file, "show").stdout
    token = json.loads(run(file, "show", "--json").stdout)["token"]
    assert (token["origin"], token["masked"]) == (None, None)
    assert "synapse-sync login" in token["problem"]


def test_show_as_json_has_the_whole_configuration(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNAPSE_ACCESS_TOKEN", "syn_0123456789")
    answer = json.loads(run(file, "show", "--json").stdout)
    assert answer["config"]["feeds"][0]["name"] == "scans"
    assert answer["token"] == {"origin": "SYNAPSE_ACCESS_TOKEN", "masked": "syn_…", "problem": None}
    assert answer.keys() == {"config_file", "ledger", "server", "token", "warnings", "config"}


def test_schema_prints_json_schema(file: Path) -> None:
    schema = json.loads(run(file, "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "settle" in schema["$defs"]["Feed"]["properties"]


def test_login_takes_the_token_from_standard_input(file: Path) -> None:
    arguments = ["--host", "https://api.synapse.sh/", "--token-stdin"]
    result = RUNNER.invoke(login_app, arguments, input="syn_0123456789\n")
    stored = file.parent / ".synapse/config.json"
    assert result.stdout == f"The token for https://api.synapse.sh is stored in {stored}.\n"
    assert json.loads(stored.read_text()) == {"host": "https://api.synapse.sh", "access_token": "syn_0123456789"}


def test_login_without_a_terminal_says_how(file: Path) -> None:
    for arguments in ([], ["--host", "https://api.synapse.sh"], ["--token-stdin"]):
        error = RUNNER.invoke(login_app, arguments, input="syn_0123456789\n").exception
        assert isinstance(error, UsageError)
        assert "--host URL --token-stdin" in error.hint


def test_login_refuses_a_wrong_address_and_an_empty_token(file: Path) -> None:
    wrong = RUNNER.invoke(login_app, ["--host", "nas", "--token-stdin"], input="syn_x\n").exception
    assert isinstance(wrong, UsageError)
    empty = RUNNER.invoke(login_app, ["--host", "https://nas", "--token-stdin"], input="\n").exception
    assert isinstance(empty, CredentialsError)
    assert not (file.parent / ".synapse").exists()


def test_login_asks_on_a_terminal_and_does_not_echo_the_token(file: Path) -> None:
    command = [sys.executable, "-c", "import typer; from synapse_sync.cli.login import login; typer.run(login)"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True):
        os.close(theirs)
        seen = _read_until(ours, b"Address of the server")
        os.write(ours, b"http://127.0.0.1:8000\n")
        seen += _read_until(ours, b"Access token (not shown): ")
        os.write(ours, b"syn_0123456789\n")
        seen += _read_until(ours, b"is stored in")
    os.close(ours)
    assert b"0123" not in seen
    stored = json.loads((file.parent / ".synapse/config.json").read_text())
    assert stored == {"host": "http://127.0.0.1:8000", "access_token": "syn_0123456789"}


def _read_until(terminal: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 1024)
    return seen
