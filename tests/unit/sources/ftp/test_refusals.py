"""What an FTP server's "no" means, and the want of an answer."""

from __future__ import annotations

import ftplib
import socket
import ssl

import pytest

from synapse_sync.config import Host
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.conversing import Refused, refusal
from synapse_sync.sources.ftp.refusals import Full, Unclear, connecting, meant, require_whole
from synapse_sync.sources.remote_reading import Lost


def answer(text: str) -> Exception:
    return (ftplib.error_temp if text[0] == "4" else ftplib.error_perm)(text)  # as ftplib does it


@pytest.mark.parametrize(
    ("said", "gone", "denied"),
    [
        ("550 No such file or directory.", True, False),
        ("450 /srv/a: No such file or directory", True, False),
        ("550 The system cannot find the file specified.", True, False),
        ("550 Permission denied.", False, True),
        ("550 /srv/a: Operation not permitted", False, True),
    ],
)
def test_a_refusal_that_says_why(said: str, gone: bool, denied: bool) -> None:
    why = meant(answer(said))
    assert isinstance(why, Refused)
    assert (why.gone, why.denied) == (gone, denied)
    assert not isinstance(why, Unclear)


@pytest.mark.parametrize(
    "said",
    [
        "226 Transfer done (but failed to open directory).",
        "226-Sorry, we were unable to read [.]\n226 0 matches total",
        "226-Options: -l \n226 Output truncated to 10000 matches",
    ],
)
def test_a_list_that_is_in_part_is_refused_though_its_end_is_called_a_success(said: str) -> None:
    with pytest.raises(Refused) as refused:
        require_whole(said)
    assert str(refused.value) == said.replace(" \n", " ").replace("\n", " ")
    assert "LimitRecursion" in refused.value.hint


@pytest.mark.parametrize(
    "said", ["226 Directory send OK.", "226-Options: -l \n226 3 matches total", '226 Transferred "/failed to/denied"']
)
def test_a_list_whose_end_is_called_a_success_is_whole(said: str) -> None:
    require_whole(said)


@pytest.mark.parametrize("said", ["550 Failed to open file.", "450 busy", "550 파일 없음".encode().decode("latin-1")])
def test_a_refusal_that_does_not_say_whether_it_is_there_is_unclear(said: str) -> None:
    assert isinstance(meant(answer(said)), Unclear)


def test_what_a_server_does_not_know_or_can_not_do_is_told_in_its_words() -> None:
    unknown, failed = meant(answer("502 Command not implemented.")), meant(answer("451 Failure\nreading \xc3\xa4"))
    assert isinstance(unknown, Refused)
    assert "SFTP" in refusal(unknown).hint
    assert str(failed) == "451 Failure reading ä"
    assert not isinstance(failed, Lost | Unclear)


@pytest.mark.parametrize(
    "error",
    [
        *map(answer, ("421 Timeout.", "425 No data connection", "426 Broken pipe", "530 Please log in")),
        *(EOFError(), TimeoutError(), BrokenPipeError(), ssl.SSLError(1, "x"), ssl.SSLCertVerificationError("x")),
        *(ftplib.error_proto("x"), ftplib.error_reply("350 x"), ValueError("x"), Lost("x")),
    ],
)
def test_after_all_else_nothing_more_is_said_on_a_connection(error: Exception) -> None:
    assert isinstance(meant(error), Lost)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answer("530 Login incorrect."), "does not let kim log in: 530"),
        (answer("530 Non-anonymous sessions must use encryption."), "without encryption"),
        (answer("421 Too many users."), "takes no connection now: 421"),
        (socket.gaierror(-2, "x"), "the name nas is not known"),
        (ConnectionRefusedError(), "no FTP server listens there"),
        (TimeoutError(), "does not answer"),
        (ssl.SSLCertVerificationError(1, "x"), "its certificate is not trusted"),
        (ssl.SSLError(1, "x"), "no encrypted connection"),
        (EOFError(), "closes the connection"),
        (ftplib.error_proto("HTTP/1.1 400"), "no FTP server"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
    ],
)
def test_what_keeps_a_connection_from_being_made_is_told_with_what_to_do(error: Exception, words: str) -> None:
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "self-signed certificate"
    with pytest.raises(SourceUnavailable) as refused, connecting(Host("", "nas", 0, "/"), "kim"):
        raise error
    assert words in refused.value.message
    assert refused.value.hint
    assert isinstance(refused.value, Full) == words.endswith("421")
