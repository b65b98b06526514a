"""What an SMB server's refusal, or smbprotocol's, means in words: what happened, and what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from synapse_sync.config import Share
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.conversing import Refused
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote_reading import Lost

if TYPE_CHECKING:
    from smbprotocol.exceptions import SMBResponseException

_REACH = "see that it runs, and that this machine may reach it"
_GONE = {"ObjectNameNotFound", "ObjectPathNotFound", "NoSuchFile", "DeletePending", "NotFound", "ObjectNameInvalid"}
_DENIED = {"AccessDenied", "PrivilegeNotHeld", "CannotDelete"}
_LOST = {"UserSessionDeleted", "FileClosed", "NetworkNameDelegated", "ServerUnavailable", "RequestNotAccepted"}
_LOST_CODES = {0xC00000C9, 0xC000020C, 0xC000035C}  # NETWORK_NAME_DELETED, CONNECTION_DISCONNECTED, SESSION_EXPIRED
_KNOWN = {
    "SharingViolation": ("another program has it open for itself alone", "it is read when that program closes it"),
    "PathNotCovered": ("it is a DFS link to another server", "write the server and share that it leads to as path"),
    "StatusNotADirectory": ("it is not a folder", "name a folder, not a file"),
    "FileIsADirectory": ("it is a folder now", "it is looked at again"),
}
_LOGON = {"LogonFailure", "WrongPassword", "PasswordExpired", "SMBAuthenticationError"}


def refused(error: SMBResponseException) -> Refused | Lost:
    """What the server's answer to a request means."""
    kind = type(error).__name__
    if kind in _LOST or error.status in _LOST_CODES:
        return Lost("the server ended the connection, or the share")
    if kind in _KNOWN:
        said, hint = _KNOWN[kind]
        return Refused(said, hint=hint)
    return Refused(_words(error), gone=kind in _GONE, denied=kind in _DENIED)


@contextmanager
def connecting(share: Share, user: str) -> Iterator[None]:
    """Failures of a connection, in words. Raises SourceUnavailable."""
    from smbprotocol.exceptions import SMBException

    try:
        yield
    except (SMBException, OSError, ValueError) as error:
        why = _unconnected(error, share, user)
        raise SourceUnavailable(why.what, hint=why.hint) from error


def _unconnected(error: Exception, share: Share, user: str) -> Refusal:
    kind = type(error).__name__
    cause = error.__cause__
    if kind in _LOGON:
        hint = "see user and password; write user as DOMAIN\\name or name@domain where it is one of a domain"
        return Refusal(f"it does not let {user} log in", hint)
    if kind == "BadNetworkName":
        return Refusal(f"there is no share {share.share}", "correct path: smb://host/SHARE/path")
    if kind == "AccessDenied":
        return Refusal(f"{user} may not use the share {share.share}", "allow it there")
    if isinstance(cause, socket.gaierror):
        return Refusal(f"the name {share.name} is not known", "correct path, or this machine's name service")
    if isinstance(cause, ConnectionRefusedError):
        return Refusal("it refuses the connection: no SMB server listens there", "see that it runs, and its port")
    if isinstance(cause, TimeoutError) or "timeout" in str(error):
        return Refusal("it does not answer", _REACH)
    if "encrypt" in str(error).lower():
        return Refusal("it can't encrypt what is sent", "remove encrypt from [feeds.remote], or have it allowed there")
    if "sign" in str(error).lower() or "guest" in str(error).lower():
        hint = "see user and password: a guest's session can't be protected, and is not used"
        return Refusal(f"it takes {user} for a guest", hint)
    return Refusal(f"the connection fails: {_words(error)}", _REACH)


def _words(error: Exception) -> str:
    said = getattr(error, "message", "") or str(error)
    return said.strip() or type(error).__name__
