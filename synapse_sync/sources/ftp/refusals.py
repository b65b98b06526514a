"""What an FTP server's refusal, or Python's, means in words: what happened, and what to do about it."""

from __future__ import annotations

import ftplib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from synapse_sync.config import Host
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.conversing import Refused
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote_reading import Lost

_REACH = "see that it runs, and that this machine may reach it"
_LOGIN = (
    "see user, and the password in the variable that password_env names, in [feeds.remote]; without user it is asked "
)
_GONE = ("no such file", "not found", "does not exist", "cannot find the")
_DENIED = ("denied", "not permitted", "not allowed", "not enough privileges")
_ENDED = {"421", "425", "426", "530", "533", "534"}  # RFC 959, 4.2: the connection, or what was logged in, is no more
_UNCLEAR = {"450", "550", "553"}
_UNKNOWN = {"500", "502", "504"}
_IN_PART = ("failed to", "unable to", "truncated", "denied", "not permitted")

FAILURES: tuple[type[Exception], ...] = (*ftplib.all_errors, ValueError, Lost)
"""Of the server, the connection, TLS, and of what is no FTP: ftplib's and ours."""


class Full(SourceUnavailable):
    """The server takes no more connections for now."""


class Unclear(Refused):
    """A refusal by which it can't be told whether a file is missing or may not be had."""


def meant(error: Exception) -> Refused | Lost:
    """What an answer, or the want of one, means."""
    if isinstance(error, Lost):
        return error
    if isinstance(error, ftplib.error_temp | ftplib.error_perm):
        return _answered(_said(error), str(error)[:3])
    if isinstance(error, TimeoutError):
        return Lost("it stopped answering")
    if isinstance(error, EOFError):
        return Lost("the connection was closed")
    if isinstance(error, OSError):
        return Lost(f"the connection broke off: {error}")
    return Lost(f"what it answers is no FTP: {_said(error)}")


def _answered(said: str, code: str) -> Refused | Lost:
    if code in _ENDED:
        return Lost(f"the server ended the connection: {said}")
    if code in _UNKNOWN:
        hint = "read it by SFTP, or have another FTP server put there: sizes and times must be told to the second"
        return Refused(f"it does not know what it is asked ({said})", hint=hint)
    if code not in _UNCLEAR:
        return Refused(said)
    gone = any(words in said.lower() for words in _GONE)
    if not gone and not any(words in said.lower() for words in _DENIED):
        return Unclear(said)
    return Refused(said, gone=gone, denied=not gone)


def require_whole(success: str) -> None:
    """Raises Refused where an answer that ends a list as if it was whole (226) says that it is not.

    vsftpd: "Transfer done (but failed to open directory)."; pure-ftpd: "Output truncated to 10000 matches", and
    "Sorry, we were unable to read [.]". A name in it says nothing.
    """
    told = re.sub(r'"[^"]*"', "", success).lower()
    if any(words in told for words in _IN_PART):
        hint = (
            "let the user that logs in list it, or leave it out with exclude; if the server names only so many files "
        )
        raise Refused(_said(success), hint=f"{hint}of a folder, allow more there (LimitRecursion of pure-ftpd)")


@contextmanager
def connecting(host: Host, user: str) -> Iterator[None]:
    """FAILURES of a connection, in words. Raises SourceUnavailable."""
    try:
        yield
    except FAILURES as error:
        why = _unconnected(error, host, user)
        kind = Full if isinstance(error, ftplib.error_temp) else SourceUnavailable
        raise kind(why.what, hint=why.hint) from error


def _unconnected(error: Exception, host: Host, user: str) -> Refusal:
    if isinstance(error, ftplib.error_temp | ftplib.error_perm):
        return _not_let_in(error, user)
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = (
            "write the name that its certificate is for into path, and name the file with the certificate, or that of "
            "who signed it, with ca_bundle in [feeds.remote]"
        )
        return Refusal(f"its certificate is not trusted: {error.verify_message}", hint)
    if isinstance(error, ssl.SSLError):
        hint = "correct the port in path, or see implicit_tls in [feeds.remote]"
        return Refusal(f"no encrypted connection comes about: {error}", hint)
    if isinstance(error, socket.gaierror):
        return Refusal(f"the name {host.name} is not known", "correct path, or this machine's name service")
    if isinstance(error, ConnectionRefusedError):
        return Refusal("it refuses the connection: no FTP server listens there", "see that it runs, and its port")
    if isinstance(error, TimeoutError):
        return Refusal("it does not answer", f"{_REACH}; TLS from the beginning takes port 990 or implicit_tls")
    if isinstance(error, EOFError):
        return Refusal("it closes the connection at once", _REACH)
    if isinstance(error, OSError | Lost):
        return Refusal(f"the connection fails: {error}", _REACH)
    return Refusal("what answers is no FTP server", "correct the port in path")


def _not_let_in(error: Exception, user: str) -> Refusal:
    code, said = str(error)[:3], _said(error)
    if code.startswith("4"):
        return Refusal(
            f"it takes no connection now: {said}", "it may allow too few for one user and address: allow more there"
        )
    who = user or "anybody anonymously"
    if any(words in said.lower() for words in ("tls", "ssl", "encrypt", "secure")):
        hint = "write ftps:// as path, or have the server ask for it"
        return Refusal(f"it does not let {who} log in without encryption: {said}", hint)
    return Refusal(f"it does not let {who} log in: {said}", f"{_LOGIN}anonymously")


def no_tls(error: Exception) -> SourceUnavailable:
    """A server that knows no AUTH TLS."""
    hint = "turn FTPS on there, read it by SFTP, or write ftp:// where it may go unencrypted"
    return SourceUnavailable(f"it offers no encryption (AUTH TLS): {_said(error)}", hint=hint)


def _said(error: Exception | str) -> str:
    """The server's words on one line; they are of unknown encoding, and came as one character for each byte."""
    return " ".join(str(error).encode("latin-1", "replace").decode(errors="replace").split())[:300]
