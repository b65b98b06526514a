"""Feeds from storages on SSH and Samba servers, with the user, key or password that the Synapse server hands out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_sync.sources.sftp.source import SftpSource
from synapse_sync.sources.smb.source import SmbSource

from ..conftest import DIRECTORY, Installation
from .feeds import PATIENTS, fill
from .places import SftpFolder, SmbFolder
from .smbd import PASSWORD, VARIABLE

PASSPHRASE = "of-the-key-and-nobody's"


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in (SftpSource, SmbSource):
        monkeypatch.setattr(kind, "certain_after", 0.0)
    monkeypatch.setenv("HOME", str(tmp_path))  # no keys of whoever runs this
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def configured(site: Installation, place: SftpFolder, **told: Any) -> None:
    """A feed from a storage, of which the server tells this beside its host."""
    about = {"host": "127.0.0.1", "port": place.port, "username": "root", "root_path": str(place.root.parent), **told}
    storage = site.server.create_storage("sftp", about)
    remote = f'[feeds.remote]\nknown_hosts = "{place.server.known_hosts}"\n'
    site.configure(extra=DIRECTORY + remote, feed='wait_optional = "0s"')
    config = Path(site.config)
    path = f'storage = {storage}\npath = "{place.root.name}"'
    config.write_text(config.read_text().replace('path = "share"', path))


def assert_hidden(site: Installation, *texts: str) -> None:
    files = [path.read_bytes().decode(errors="replace") for path in site.folder.iterdir() if path.is_file()]
    assert not [text for text in (*texts, *files) if PASSPHRASE in text or "OPENSSH PRIVATE KEY" in text]


@pytest.mark.usefixtures("as_root")
def test_a_key_that_is_handed_out_logs_in_and_is_written_nowhere(site: Installation, sftp: SftpFolder) -> None:
    fill(sftp)
    key = sftp.server.make_key("handed-out", PASSPHRASE)
    authorized = sftp.server.folder / "authorized_keys"
    authorized.write_text(authorized.read_text() + Path(f"{key}.pub").read_text())
    configured(site, sftp, private_key=key.read_text(), private_key_passphrase=PASSPHRASE)

    checked, looked, done = site.type("config", "check"), site.type("doctor"), site.type("once")

    assert f"(NAS, sftp), path {sftp.root.name} → {sftp.url}" in checked.stdout
    assert f"{sftp.url} can be listed" in looked.stdout
    assert done.exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert_hidden(site, *(text for one in (checked, looked, done) for text in (one.stdout, one.stderr)))


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("passphrase", ["", "another"])
def test_a_key_that_can_not_be_used_is_told_without_it(site: Installation, sftp: SftpFolder, passphrase: str) -> None:
    key = sftp.server.make_key("kept", PASSPHRASE)
    configured(site, sftp, private_key=key.read_text(), private_key_passphrase=passphrase)
    done = site.type("once")
    assert done.exit_code == 1
    assert "the private key that the server has for it is none that is known here" in done.stdout
    assert_hidden(site, done.stdout, done.stderr)


@pytest.mark.usefixtures("as_root")
def test_a_password_that_is_refused_is_told_without_it(site: Installation, sftp: SftpFolder) -> None:
    configured(site, sftp, password=PASSPHRASE)
    done = site.type("once")
    assert done.exit_code == 1
    assert sftp.url in done.stdout
    assert_hidden(site, done.stdout, done.stderr)


def test_a_share_is_read_with_the_password_that_is_handed_out(
    site: Installation, smb: SmbFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    fill(smb)
    about = {"host": "127.0.0.1", "port": smb.port, "share": "tests", "username": smb.server.user, "encrypt": False}
    storage = site.server.create_storage("smb", {**about, "password": PASSWORD})
    site.configure(extra=DIRECTORY, feed='wait_optional = "0s"')
    config = Path(site.config)
    path = f'storage = {storage}\npath = "{smb.root.name}"'
    config.write_text(config.read_text().replace('path = "share"', path))

    done = site.type("once")

    assert done.exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert PASSWORD not in site.ledger_text() + done.stdout + done.stderr

    site.server.change_storage(storage, "smb", {**about, "password": PASSPHRASE})
    refused = site.type("once")
    assert refused.exit_code == 1
    assert smb.url in refused.stdout
    assert_hidden(site, refused.stdout, refused.stderr)
