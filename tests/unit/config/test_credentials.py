"""Where the token comes from, in which order, and to which host it may go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_sync.config import Config, Credentials, masked, resolve
from synapse_sync.errors import CredentialsError

HOST = "https://api.synapse.sh"
OTHER = "https://other.example.org"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def config(**server: Any) -> Config:
    return Config.model_validate({"server": server})


def stored(home: Path, **content: Any) -> Path:
    file = home / ".synapse/config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(content))
    file.chmod(0o600)
    return file


def token_file(folder: Path, token: str, mode: int = 0o600) -> str:
    file = folder / "token"
    file.write_text(token)
    file.chmod(mode)
    return str(file)


def test_the_four_places_are_tried_in_order(tmp_path: Path, home: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "synapse-access-token").write_text("syn_systemd\n")
    stored(home, host=HOST, access_token="syn_login")
    environ = {
        "HOME": str(home),
        "SYNAPSE_ACCESS_TOKEN": "syn_environment",
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    settings = config(url=HOST, access_token_file=token_file(tmp_path, "syn_file\n"))

    found = resolve(settings, environ)
    assert (found.token, found.origin, found.url) == ("syn_environment", "SYNAPSE_ACCESS_TOKEN", HOST)
    del environ["SYNAPSE_ACCESS_TOKEN"]
    assert resolve(settings, environ).token == "syn_systemd"
    (credentials / "synapse-access-token").unlink()
    assert resolve(settings, environ).token == "syn_file"
    assert resolve(config(url=HOST), environ).token == "syn_login"


def test_without_a_token_all_four_places_and_the_way_out_are_named(home: Path) -> None:
    with pytest.raises(CredentialsError) as refused:
        resolve(config(), {"HOME": str(home)})
    words = refused.value.message
    for place in (
        "SYNAPSE_ACCESS_TOKEN",
        "systemd credential",
        "access_token_file",
        str(home / ".synapse/config.json"),
    ):
        assert place in words
    assert "synapse-sync login" in refused.value.hint
    assert refused.value.exit_code == 2


def test_the_hosts_variable_replaces_the_url_and_takes_the_tokens_variable_along(home: Path) -> None:
    found = resolve(config(url=HOST), {"HOME": str(home), "SYNAPSE_HOST": OTHER + "/", "SYNAPSE_ACCESS_TOKEN": "syn_x"})
    assert (found.url, found.token) == (OTHER, "syn_x")


def test_a_stored_token_is_never_sent_to_another_host(home: Path) -> None:
    stored(home, host=HOST, access_token="syn_secret_token")
    for settings, environ in ((config(url=HOST), {"SYNAPSE_HOST": OTHER}), (config(url=OTHER), {})):
        with pytest.raises(CredentialsError, match=r"belongs to https://api\.synapse\.sh") as refused:
            resolve(settings, {"HOME": str(home), **environ})
        assert OTHER in refused.value.message
        assert "secret" not in str(refused.value)


def test_a_stored_token_without_a_host_belongs_to_the_default_host(home: Path) -> None:
    stored(home, access_token="syn_login")
    assert resolve(config(), {"HOME": str(home)}).token == "syn_login"
    with pytest.raises(CredentialsError, match="belongs to"):
        resolve(config(url=OTHER), {"HOME": str(home)})


def test_the_token_files_token_belongs_to_the_configs_url(tmp_path: Path, home: Path) -> None:
    file = token_file(tmp_path, "syn_file")
    environ = {"HOME": str(home), "SYNAPSE_HOST": OTHER}
    with pytest.raises(CredentialsError, match="belongs to"):
        resolve(config(url=HOST, access_token_file=file), environ)
    assert resolve(config(access_token_file=file), environ).url == OTHER


def test_the_tenant_is_the_configs_or_the_stored_logins(home: Path) -> None:
    stored(home, host=HOST, access_token="syn_login", tenant="acme")
    environ = {"HOME": str(home)}
    assert resolve(config(), environ).tenant == "acme"
    assert resolve(config(tenant="mine"), environ).tenant == "mine"
    assert resolve(config(), {**environ, "SYNAPSE_ACCESS_TOKEN": "syn_x"}).tenant == ""


def test_a_token_that_everybody_can_read_is_warned_of(tmp_path: Path, home: Path) -> None:
    environ = {"HOME": str(home)}
    loose = resolve(config(access_token_file=token_file(tmp_path, "syn_x", 0o644)), environ)
    assert "everybody on this machine can read the token" in loose.warnings[0]
    assert resolve(config(access_token_file=token_file(tmp_path, "syn_x", 0o640)), environ).warnings == ()
    stored(home, host=HOST, access_token="syn_login").chmod(0o604)
    assert "everybody" in resolve(config(), environ).warnings[0]


def test_a_host_in_clear_text_from_the_environment_is_warned_of(home: Path) -> None:
    environ = {"HOME": str(home), "SYNAPSE_HOST": "http://nas.local", "SYNAPSE_ACCESS_TOKEN": "syn_x"}
    assert "not encrypted" in resolve(config(), environ).warnings[0]


@pytest.mark.parametrize("text", ["", " \n", "Token syn_x", "syn_a\nsyn_b", "syn_café", "syn_\x07"])
def test_what_is_no_token_is_refused_and_not_repeated(text: str, tmp_path: Path, home: Path) -> None:
    with pytest.raises(CredentialsError, match="holds no token") as refused:
        resolve(config(access_token_file=token_file(tmp_path, text)), {"HOME": str(home)})
    assert "syn_" not in str(refused.value)


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path, home: Path) -> None:
    with pytest.raises(CredentialsError, match="absent can't be read: No such file"):
        resolve(config(access_token_file=str(tmp_path / "absent")), {"HOME": str(home)})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsError, match="holds no text"):
        resolve(config(access_token_file=str(tmp_path / "binary")), {"HOME": str(home)})


def test_a_wrong_host_variable_is_named(home: Path) -> None:
    with pytest.raises(CredentialsError, match=r"SYNAPSE_HOST: .* is not a URL"):
        resolve(config(), {"HOME": str(home), "SYNAPSE_HOST": "api.synapse.sh", "SYNAPSE_ACCESS_TOKEN": "syn_x"})


def test_a_token_is_never_shown_in_full() -> None:
    assert masked("syn_0123456789") == "syn_…"
    assert masked("short") == "…"
    shown = repr(Credentials(HOST, "syn_0123456789", "", "SYNAPSE_ACCESS_TOKEN"))
    assert "syn_…" in shown
    assert "0123" not in shown
