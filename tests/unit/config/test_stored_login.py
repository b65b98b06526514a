"""The login file: merged with what is there, private, whole or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from synapse_sync.config.stored_login import read_login, store_login
from synapse_sync.errors import CredentialsError

HOST = "https://api.synapse.sh"


def test_a_stored_login_is_private_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / ".synapse/config.json"
    store_login(file, HOST, "syn_one")
    assert read_login(file) == (HOST, "syn_one", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_other_programs_keys_are_kept_and_a_loose_mode_is_tightened(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    environments = {"default": {"backend_url": HOST}}
    file.write_text(json.dumps({"host": HOST, "access_token": "old", "tenant": "acme", "environments": environments}))
    file.chmod(0o644)
    store_login(file, HOST, "syn_new")
    assert json.loads(file.read_text()) == {
        "host": HOST,
        "access_token": "syn_new",
        "tenant": "acme",
        "environments": environments,
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["config.json"]


def test_what_belongs_to_the_former_host_does_not_stay_beside_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"host": HOST, "access_token": "a", "user_token": "b", "tenant": "acme"}))
    store_login(file, "http://127.0.0.1:8000", "syn_new")
    assert json.loads(file.read_text()) == {"host": "http://127.0.0.1:8000", "access_token": "syn_new"}


def test_a_file_behind_a_link_is_written_where_it_is(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "config.json"
    real.write_text("{}")
    link.symlink_to(real)
    store_login(link, HOST, "syn_x")
    assert link.is_symlink()
    assert read_login(real) == (HOST, "syn_x", "")


@pytest.mark.parametrize("text", ["not json", "[]", "", "\udcff"])
def test_a_file_that_is_not_ours_is_neither_read_nor_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    content = text.encode(errors="surrogateescape")
    file.write_bytes(content)
    with pytest.raises(CredentialsError, match="is not a JSON object"):
        read_login(file)
    with pytest.raises(CredentialsError, match="is not a JSON object"):
        store_login(file, HOST, "syn_x")
    assert file.read_bytes() == content


def test_a_file_without_a_token_is_no_login(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    assert read_login(file) is None
    file.write_text('{"host": "https://x", "access_token": " "}')
    assert read_login(file) is None


def test_a_stored_host_that_is_no_url_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"host": "nowhere", "access_token": "syn_x"}')
    with pytest.raises(CredentialsError, match=r'config\.json: host "nowhere" is not a URL'):
        read_login(file)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CredentialsError, match="Not a directory"):
        store_login(tmp_path / "file/config.json", HOST, "syn_x")


def test_a_login_shows_no_token(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    store_login(file, HOST, "syn_secret")
    assert "secret" not in repr(read_login(file))
