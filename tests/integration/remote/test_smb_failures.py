"""What is SMB's own: passwords, shares, links that the server follows, names that Windows has not."""

from __future__ import annotations

import os

import pytest

from synapse_sync.errors import SourceError, SourceUnavailable

from .places import SmbFolder
from .smbd import PASSWORD, VARIABLE
from .talking import words_of
from .test_conformance import listed, read_while


def test_a_wrong_password_is_refused_also_beside_a_session_with_the_right_one(
    smb: SmbFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    smb.put("a", b"1")
    source = smb.source()
    listed(source)
    monkeypatch.setenv(VARIABLE, "another")
    assert "does not let" in words_of(smb.source())
    assert set(listed(source)) == {b"a"}
    monkeypatch.delenv(VARIABLE)
    assert f"{VARIABLE}, which the config names, is not set" in words_of(smb.source())
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert "does not let nobody-here" in words_of(smb.source(access={"user": "nobody-here"}))
    assert "whom to log in as" in words_of(smb.source(access={"user": ""}))


def test_a_password_that_was_changed_is_met_by_the_next_connection(
    own_smb: SmbFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_smb.put("a", b"1")
    source = own_smb.source()
    observed = listed(source)[b"a"]
    own_smb.server.set_password("another")
    own_smb.server.restart()
    with pytest.raises(SourceUnavailable):
        listed(source)
    assert "does not let" in words_of(source)
    monkeypatch.setenv(VARIABLE, "another")
    assert listed(source) == {b"a": observed}


def test_a_share_that_is_missing_or_goes_away_is_told_and_never_empty(own_smb: SmbFolder) -> None:
    own_smb.put("a", b"1")
    source = own_smb.source()
    observed = listed(source)[b"a"]
    own_smb.server.configure(share="other")
    own_smb.server.restart()
    with pytest.raises(SourceUnavailable):
        listed(source)
    assert "there is no share tests" in words_of(source)
    own_smb.server.configure()
    own_smb.server.restart()
    assert listed(source) == {b"a": observed}


@pytest.mark.parametrize("extra", ["server smb encrypt = required\n", "server min protocol = SMB3_11\n"])
def test_what_is_read_may_be_encrypted(own_smb: SmbFolder, extra: str) -> None:
    own_smb.server.configure(extra=extra)
    own_smb.server.restart()
    content = os.urandom(3_000_000)
    own_smb.put("a", content)
    source = own_smb.source(access={"encrypt": True})
    with source.open_observed(b"a", listed(source)[b"a"]) as stream:
        assert stream.read(4_000_000) == content


def test_a_server_that_can_not_encrypt_is_not_used_where_that_is_wanted(own_smb: SmbFolder) -> None:
    own_smb.put("a", b"1")
    own_smb.server.configure(extra="server smb encrypt = off\nserver max protocol = SMB2_10\n")
    own_smb.server.restart()
    assert "can't encrypt" in words_of(own_smb.source(access={"encrypt": True}))
    assert set(listed(own_smb.source())) == {b"a"}


def test_links_that_the_server_follows_lead_in_no_circle(smb: SmbFolder) -> None:
    smb.put("a/b", b"1")
    for name, target in (("a/up", ".."), ("a/self", "."), ("up", "."), ("nowhere", "nothing")):
        (smb.root / name).symlink_to(target)
    source = smb.source()
    assert set(listed(source)) == {b"a/b"}


def test_a_pipe_that_took_a_files_place_is_not_waited_for(smb: SmbFolder) -> None:
    smb.put("a", b"1")
    source = smb.source()
    observed = listed(source)[b"a"]
    (smb.root / "a").unlink()
    os.mkfifo(smb.root / "a")
    with pytest.raises(SourceError) as refused:
        read_while(source, b"a", observed, lambda: None)
    assert refused.value.hint


def test_names_that_windows_has_not_are_read_under_those_that_the_server_gives_them(smb: SmbFolder) -> None:
    (smb.root / "d").mkdir()
    for name, content in ((b"a:b?.png", b"1"), (b"c. ", b"22")):
        with open(os.fsencode(smb.root) + b"/d/" + name, "wb") as written:
            written.write(content)
    source = smb.source()
    contents = []
    for path, observed in listed(source).items():
        with source.open_observed(path, observed) as stream:
            contents.append(stream.read(10))
    assert sorted(contents) == [b"1", b"22"]
