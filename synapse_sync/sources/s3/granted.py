"""Credentials that the server hands out, as botocore asks for them: before each request that it signs."""

from __future__ import annotations

from typing import Any

from synapse_sync.grants import Grant, Secrets


def granted(grant: Grant) -> Any:
    """What a session of botocore's takes credentials from: those that are granted, and no others.

    They are asked for now, when a connection is made, and looked at again for each request: they may end meanwhile.
    Raises SourceUnavailable.
    """
    from botocore.credentials import CredentialResolver, Credentials, ReadOnlyCredentials

    class Granted(Credentials):  # type: ignore[misc]
        """Credentials that are fetched anew before they end."""

        def get_frozen_credentials(self) -> Any:
            """As they are now."""
            return ReadOnlyCredentials(*_keys(grant.secrets()))

    class Provider:
        """The one place to look."""

        METHOD = CANONICAL_NAME = "synapse-storage"

        def load(self) -> Any:
            """The credentials."""
            return Granted(*keys, method=self.METHOD)

    keys = _keys(grant.secrets(connecting=True))
    return CredentialResolver([Provider()])


def _keys(secrets: Secrets) -> tuple[str, str, str | None]:
    return secrets.get("access_key"), secrets.get("secret_key"), secrets.get("session_token") or None
