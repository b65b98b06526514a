"""A client of one S3 service, with credentials, connections and time-outs of its own."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import cache
from typing import Any

from synapse_sync.config import Remote, extra_of
from synapse_sync.errors import SourceUnavailable
from synapse_sync.grants import Grant
from synapse_sync.sources.s3.page_parsing import EVENT, take_keys_out
from synapse_sync.sources.secrets import password_of

CONNECTIONS = 32
"""At most, kept open: the readers' and the uploads' threads have one each."""

ATTEMPTS = 4
"""Of each request, in all, with botocore's own pauses between them."""


def connect(remote: Remote, grant: Grant | None = None) -> Any:
    """A client of botocore's. Sends nothing by itself, but may ask the machine's metadata service for credentials.

    Nothing is shared with other clients, so that credentials that were renewed and connections that broke are met by
    the next one. grant: where credentials come from that the config does not name. Raises SourceUnavailable where
    botocore is not installed, a named variable is not set or no credentials are granted, and whatever botocore raises.
    """
    try:
        from botocore import UNSIGNED
        from botocore.config import Config
        from botocore.session import Session
    except ImportError as error:
        raise SourceUnavailable("what reads s3:// is not installed", hint=extra_of("s3")) from error
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it says where it found credentials, each time
    options: dict[str, Any] = {
        "connect_timeout": remote.connect_timeout,
        "read_timeout": remote.read_timeout,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "max_pool_connections": CONNECTIONS,
        "tcp_keepalive": True,
        "s3": {"addressing_style": _addressing(remote)},
        # Digests are ours to make. Other services than Amazon's know no checksums in trailers.
        "response_checksum_validation": "when_required",
        "request_checksum_calculation": "when_required",
    }
    if remote.anonymous:
        options["signature_version"] = UNSIGNED
    session = Session(profile=remote.profile or None)
    session.register_component("data_loader", _descriptions())
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    if grant is not None:
        from synapse_sync.sources.s3.granted import granted

        session.register_component("credential_provider", granted(grant))
    client = session.create_client(
        "s3",
        region_name=remote.region or session.get_config_variable("region") or "us-east-1",
        endpoint_url=remote.endpoint_url or None,
        verify=str(remote.ca_bundle) if remote.ca_bundle else None,
        config=Config(**options),
        **_keys(remote),
    )
    client.meta.events.register(EVENT, take_keys_out)
    return client


def _moment(text: str) -> Any:
    """The time that an answer names. botocore's own way, for every form there is, takes two thirds of a listing."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        from botocore.utils import parse_timestamp

        return parse_timestamp(text)


@cache
def _descriptions() -> Any:
    """What botocore knows of the service, read once (0.2 s): all that clients share."""
    from botocore.loaders import create_loader

    return create_loader()


def _addressing(remote: Remote) -> str:
    if remote.addressing != "auto":
        return remote.addressing
    return "path" if remote.endpoint_url else "auto"


def _keys(remote: Remote) -> dict[str, str]:
    """The credentials that the config names, if it names any: else they come from AWS's own places."""
    named = {
        "aws_access_key_id": remote.access_key_env,
        "aws_secret_access_key": remote.secret_key_env,
        "aws_session_token": remote.session_token_env,
    }
    return {name: password_of(variable) for name, variable in named.items() if variable}
