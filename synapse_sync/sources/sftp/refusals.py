"""What an SSH server's refusal, or paramiko's, means in words: what happened, and what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from synapse_sync.config import Host
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.refusals import Refusal
from synapse_sync.sources.remote_reading import Lost

_REACH = "see that it runs, and that this machine may reach it"


@contextmanager
def connecting(host: Host, user: str) -> Iterator[None]:
    """Failures of a connection, in words. Raises SourceUnavailable."""
    try:
        yield
    except SourceUnavailable:
        raise
    except Exception as error:
        why = _unconnected(error, host, user)
        if why is None:
            raise
        raise SourceUnavailable(why.what, hint=why.hint) from error


def _unconnected(error: Exception, host: Host, user: str) -> Refusal | None:
    """Why there is no connection; None for what is no failure of one."""
    import paramiko

    if isinstance(error, paramiko.BadAuthenticationType):
        ways = ", ".join(error.allowed_types)
        return Refusal(f"it lets {user} log in with {ways} only", _how(ways))
    if isinstance(error, paramiko.AuthenticationException):
        hint = "see the user, and that the server knows the key (authorized_keys), or the password"
        return Refusal(f"it does not let {user} log in", hint)
    if isinstance(error, socket.gaierror):
        return Refusal(f"the name {host.name} is not known", "correct path, or this machine's name service")
    if isinstance(error, ConnectionRefusedError):
        return Refusal("it refuses the connection: no SSH server listens there", "see that it runs, and its port")
    if isinstance(error, TimeoutError):
        return Refusal("it does not answer", _REACH)
    if isinstance(error, Lost):
        return Refusal(str(error), "see that SFTP is allowed to the user (Subsystem sftp in sshd_config)")
    if isinstance(error, paramiko.SSHException) and any(word in str(error) for word in ("banner", "protocol version")):
        return Refusal("what answers is no SSH server", "correct the port in path")
    if isinstance(error, paramiko.SSHException | OSError | EOFError):
        return Refusal(f"the connection fails: {error}".rstrip(": "), _REACH)
    return None


def _how(ways: str) -> str:
    if "publickey" in ways:
        return "name a key with key_file in [feeds.remote]"
    return "name the variable that holds the password with password_env in [feeds.remote]"
