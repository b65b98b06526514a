"""A connection to one SSH server, with a thread and sessions of its own."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

from synapse_sync.config import Host, Remote, extra_of
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import NO_SECRETS, Grant, Secrets
from synapse_sync.sources.conversing import Client
from synapse_sync.sources.remote_reading import Lost
from synapse_sync.sources.secrets import password_of
from synapse_sync.sources.sftp.host_keys import PORT, HostKeys
from synapse_sync.sources.sftp.keys import private_keys, user_of
from synapse_sync.sources.sftp.refusals import connecting
from synapse_sync.sources.sftp.session import Session

if TYPE_CHECKING:
    from paramiko import Transport

SESSIONS = 8
"""Conversations at most, so that many small files are under way at once: OpenSSH allows ten (MaxSessions)."""

KEEPALIVE = 15  # seconds between signs of life, so that no router forgets the connection


class SftpClient(Client[Session]):
    """One connection, and the sessions in it."""

    def __init__(self, transport: Transport, timeout: float) -> None:
        super().__init__(SESSIONS, self._session, transport.close)
        self._transport = transport
        self._timeout = timeout

    def usable(self) -> bool:
        """Whether it is likely that the server still knows it."""
        return super().usable() and self._transport.is_active()

    def _session(self) -> Session:
        from paramiko import SSHException

        try:
            channel = self._transport.open_session(timeout=self._timeout)
            channel.settimeout(self._timeout)
            channel.invoke_subsystem("sftp")
        except (SSHException, OSError, EOFError) as error:
            raise Lost(f"it opens no SFTP session: {error}") from error
        return Session(channel)


def connect(host: Host, access: Remote, grant: Grant | None = None) -> SftpClient:
    """Reach the server, check that it is the right one, and log in; grant: with what the config does not name.

    Raises SourceUnavailable with what happened, as it completes the sentence "PATH can't be listed: …".
    """
    try:
        import paramiko
    except ImportError as error:
        raise SourceUnavailable("what reads sftp:// is not installed", hint=extra_of("sftp")) from error
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it has to say is raised as well
    host_keys = HostKeys(host.name, host.port or PORT, access)
    user = user_of(host, access)
    granted = NO_SECRETS if grant is None else grant.secrets(connecting=True)
    password = password_of(access.password_env) or granted.get("password")
    transport = None
    with connecting(host, user):
        line = socket.create_connection((host.name, host.port or PORT), timeout=access.connect_timeout)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each window waits 40 ms: 1/5 of the speed
            transport = paramiko.Transport(line)
            transport.banner_timeout = transport.handshake_timeout = access.connect_timeout
            transport.auth_timeout = transport.channel_timeout = access.read_timeout
            options = transport.get_security_options()
            options.key_types = host_keys.preferred(tuple(options.key_types))
            transport.start_client(timeout=access.connect_timeout + access.read_timeout)
            host_keys.check(transport.get_remote_server_key())
            _log_in(transport, user, password, access, granted)
            transport.set_keepalive(KEEPALIVE)
            client = SftpClient(transport, access.read_timeout)
            with client.talk():
                return client
        except BaseException:
            if transport is not None:
                transport.close()
            line.close()
            raise


def _log_in(transport: Transport, user: str, password: str, access: Remote, granted: Secrets) -> None:
    """With the keys that there are, then with the password. Raises paramiko's errors."""
    import paramiko

    refused: paramiko.SSHException | None = None
    with private_keys(access, granted, alone=bool(password)) as keys:
        for key in keys:
            try:
                if not transport.auth_publickey(user, key):
                    return
                break  # accepted, and a password is asked for as well
            except paramiko.BadAuthenticationType as error:
                refused = error
                break
            except paramiko.AuthenticationException as error:
                refused = error
    if password:
        try:
            if not transport.auth_password(user, password):
                return
        except paramiko.BadAuthenticationType as error:
            if "keyboard-interactive" in error.allowed_types:  # it was asked for in that way, and was wrong
                raise paramiko.AuthenticationException from error
            raise
        raise paramiko.AuthenticationException("it asks for yet another proof")
    if refused is not None:
        raise refused
    raise SourceUnavailable(
        "there is no key to log in with",
        hint="name one with key_file in [feeds.remote], or put one into ~/.ssh or the SSH agent of whoever runs this; "
        f"or name the variable that holds the password with password_env{_agent_words()}",
    )


def _agent_words() -> str:
    return "" if os.environ.get("SSH_AUTH_SOCK") else " (no SSH agent runs here: SSH_AUTH_SOCK is not set)"
