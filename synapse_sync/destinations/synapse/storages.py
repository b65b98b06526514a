"""Storages that files are read from: where one is and with which credentials, as the server hands it out (§2.1, §9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from synapse_sync.destinations.synapse.http.errors import NO_SUCH_ADDRESS, unclear
from synapse_sync.destinations.synapse.http.moments import seconds
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.errors import DestinationError, Rejected, StorageUnusable, TokenRefused
from synapse_sync.grants import Secrets
from synapse_sync.records import StorageSession

OPEN = frozenset(
    {"location", "bucket_name", "region_name", "endpoint_url", "host", "username", "port", "root_path", "share"}
    | {"domain", "encrypt", "auth_mode", "base_url", "timeout", "url", "base_path", "verify_ssl", "project"}
)
"""What of a configuration may be shown (protocol §9). All else is a secret, also what nobody knows yet."""

_HINT = "check storage of the feed, and that the token and tenant may use it"
_FINAL = {
    "provider_unsupported": (
        "the server hands out no access to storages of this kind",
        "remove storage, and write the path or URL at which this machine reaches it",
    ),
    "credential_not_registered": (
        "the server has no credentials for it",
        "have them registered in Synapse, or remove storage and write the path or URL with access of your own",
    ),
    "expired": ("its credentials have expired", "have them renewed in Synapse"),
}
"""Refusals that no other way leads around (protocol §2.1): what they mean, and what to do."""


def session(transport: Transport, number: int) -> StorageSession:
    """How to read from storage `number`, asked for now. Raises StorageUnusable, and what a call raises."""
    doing = f"get access to storage {number}"
    try:
        answer = transport.call("POST", f"storages/{number}/session/", doing, data={"purpose": "read"})
    except DestinationError as refused:
        if refused.status not in NO_SUCH_ADDRESS:
            raise _translated(refused, number) from refused
        answer = _by_configuration(transport, number, doing)
    return _session(transport, answer, doing)


def name_of(transport: Transport, number: int) -> str:
    """What people call the storage; "" where the server does not tell."""
    try:
        answer = transport.call("GET", f"storages/{number}/", f"learn the name of storage {number}")
    except DestinationError:
        return ""  # of no use but to a reader
    return str(answer.get("name") or "") if isinstance(answer, Mapping) else ""


def _by_configuration(transport: Transport, number: int, doing: str) -> Any:
    """An older backend has no sessions; it tells the whole configuration, or what of it is no secret."""
    try:
        return transport.call("GET", f"storages/{number}/", doing, query={"with_configuration": "true"})
    except DestinationError as refused:
        raise _translated(refused, number) from refused


def _translated(refused: DestinationError, number: int) -> DestinationError:
    """What concerns this storage alone is told as that; the server's own troubles stay what they are."""
    if isinstance(refused, Rejected) and refused.code in _FINAL:
        what, hint = _FINAL[refused.code]
        return StorageUnusable(f"storage {number}: {what}", hint=hint, status=refused.status)
    if isinstance(refused, TokenRefused) and refused.status == 403:
        return StorageUnusable(f"{refused.message}: the token may not use it", hint=_HINT, status=403)
    if isinstance(refused, Rejected):
        return StorageUnusable(refused.message, hint=_HINT, status=refused.status)
    return refused


def _session(transport: Transport, answer: Any, doing: str) -> StorageSession:
    told = answer if isinstance(answer, Mapping) else {}
    provider, configuration = told.get("provider"), told.get("configuration")
    if not isinstance(provider, str) or not provider or not isinstance(configuration, Mapping):
        raise unclear(doing, "the answer names no provider with a configuration", change=False)
    settings = {key: value for key, value in configuration.items() if key in OPEN}
    secrets = {key: _text(value) for key, value in configuration.items() if key not in OPEN and value is not None}
    ends = seconds(told.get("expires_at"))
    return StorageSession(provider, settings, Secrets(secrets), None if ends is None else ends - transport.skew)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
