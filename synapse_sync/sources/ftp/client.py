"""Connections to one FTP server, shared with no other source, with time-outs of their own."""

from __future__ import annotations

import ssl

from synapse_sync.config import Host, Remote
from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.conversing import Connections
from synapse_sync.sources.ftp.refusals import connecting
from synapse_sync.sources.ftp.talk import Talk, connected
from synapse_sync.sources.ftp.wire import Wire
from synapse_sync.sources.secrets import password_of

CONNECTIONS = 4
"""At most, so that several files are under way at once: a NAS may allow ten in all."""


class FtpClient(Connections[Talk]):
    """Some connections to one server."""


def connect(host: Host, access: Remote, *, protected: bool) -> FtpClient:
    """Reach the server, over TLS if it is to be `protected`, and log in: anonymously where no user is named.

    Raises SourceUnavailable with what happened, as it completes the sentence "PATH can't be listed: …".
    """
    user = host.user or access.user
    password = password_of(access.password_env)
    if password and not user:
        hint = "write user as well, in [feeds.remote]"
        raise SourceUnavailable("there is a password, and nobody says whose it is", hint=hint)
    context = _verifying(access) if protected else None

    def another() -> Wire:
        with connecting(host, user):
            return Wire(host, access, context, user, password)

    first = [connected(another)]

    def reach() -> Talk:
        return Talk(first.pop() if first else another(), another)

    client = FtpClient(CONNECTIONS, reach)
    with client.talk():
        return client


def _verifying(access: Remote) -> ssl.SSLContext:
    """TLS with servers whose certificate is known, by the system or from ca_bundle."""
    try:
        context = ssl.create_default_context(cafile=str(access.ca_bundle) if access.ca_bundle else None)
    except (OSError, ssl.SSLError) as error:
        hint = "see ca_bundle in [feeds.remote]: a file with certificates in PEM form, which synapse-sync may read"
        raise SourceUnavailable(f"{access.ca_bundle} can't be used: {error}", hint=hint) from error
    # From Python 3.13 on certificates without key identifiers are refused, which is what many a NAS makes for itself.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
