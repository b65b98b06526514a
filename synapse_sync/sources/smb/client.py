"""Connections to one share, shared with no other source, with time-outs of their own."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from synapse_sync.config import Remote, Share, extra_of
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.sources.conversing import Connections
from synapse_sync.sources.secrets import password_of
from synapse_sync.sources.smb.refusals import connecting
from synapse_sync.sources.smb.talk import Talk

PORT = 445

CONNECTIONS = 4
"""At most, so that several files are under way at once."""

CREDITS = 64
"""Requests' worth that the server is asked to allow at once: a read of 1 MiB takes 16 (MS-SMB2 3.2.4.1.2)."""


class SmbClient(Connections[Talk]):
    """Some connections to one share."""


def connect(share: Share, access: Remote, grant: Grant | None = None) -> SmbClient:
    """Reach the share, and log in; grant: with what the config does not name.

    Raises SourceUnavailable with what happened, as it completes the sentence "PATH can't be listed: …".
    """
    try:
        import smbprotocol
    except ImportError as error:
        raise SourceUnavailable("what reads smb:// is not installed", hint=extra_of("smb")) from error
    logging.getLogger(smbprotocol.__name__).setLevel(logging.CRITICAL)  # what it has to say is raised as well
    logging.getLogger("spnego").setLevel(logging.CRITICAL)
    user = share.user or access.user
    password = password_of(access.password_env) or (grant.secrets(connecting=True).get("password") if grant else "")
    if not user or not password:
        raise SourceUnavailable(
            "nobody says whom to log in as",
            hint="write user, and name the variable that holds the password with password_env, in [feeds.remote]",
        )

    def reach() -> Talk:
        with connecting(share, user):
            return Talk(_tree(share, access, user, password))

    client = SmbClient(CONNECTIONS, reach)
    with client.talk():
        return client


def _tree(share: Share, access: Remote, user: str, password: str) -> Any:
    """A new connection, logged in, with its share. Raises what smbprotocol raises."""
    from smbprotocol.connection import Connection
    from smbprotocol.session import Session
    from smbprotocol.tree import TreeConnect

    class Timed(Connection):  # type: ignore[misc]
        """No answer is waited for without an end; no link is followed to another place."""

        def receive(
            self, request: Any, wait: bool = True, timeout: float | None = None, resolve_symlinks: bool = True
        ) -> Any:
            del resolve_symlinks
            return super().receive(request, wait, timeout or access.read_timeout, resolve_symlinks=False)

    connection = Timed(uuid.uuid4(), share.name, share.port or PORT, require_signing=True)
    try:
        connection.connect(timeout=access.connect_timeout)
        session = Session(connection, user, password, require_encryption=access.encrypt)
        session.connect()
        connection.echo(sid=session.session_id, timeout=access.read_timeout, credit_request=CREDITS)
        tree = TreeConnect(session, rf"\\{share.name}\{share.share}")
        tree.connect()
    except BaseException:
        if connection.transport is not None:
            connection.disconnect(close=False)
        raise
    return tree
