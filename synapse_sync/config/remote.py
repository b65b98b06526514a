"""How a feed gets at a remote path: [feeds.remote] and [feeds.assets.SPEC.remote]; and what "s3://BUCKET/PREFIX" means.

No secret stands in the config: credentials come from where the provider's own tools look for them, or from environment
variables that are named here. Pure; errors are ValueErrors in words that repeat neither address nor secret.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from synapse_sync.config.paths import FilePath
from synapse_sync.config.quantities import Interval, as_written
from synapse_sync.config.section import Section

READABLE = ("s3",)
"""Schemes of the remote paths that this version reads."""


def bucket_and_prefix(url: str) -> tuple[str, str]:
    """("bucket", "prefix/") of "s3://bucket/prefix", as resolve_path leaves it; ("bucket", "") of a whole one.

    Nothing is unquoted. What was typed with two slashes at its end keeps one, and means keys that have both.
    """
    bucket, slash, prefix = url.partition("://")[2].partition("/")
    return bucket, prefix + slash


def _endpoint(value: str) -> str:
    if "@" in value:
        raise ValueError("holds a user or password; name environment variables with access_key_env and secret_key_env")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if value and not usable:
        raise ValueError("is not an http or https URL; write it like https://s3.example.org:9000")
    return value.rstrip("/")


def _variable(value: str) -> str:
    if value and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("is not the name of an environment variable; the secret itself does not stand in this file")
    return value


Variable = Annotated[str, AfterValidator(_variable)]
"""The name of an environment variable."""


class Remote(Section):
    """Access to a remote path."""

    endpoint_url: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="",
        description="Address of the S3 service; Amazon's unless given.",
        examples=["https://minio.example.org:9000"],
    )
    region: str = Field(
        default="", description="Region; the profile's or AWS_REGION unless given.", examples=["eu-west-1"]
    )
    profile: str = Field(
        default="",
        description="Profile in ~/.aws of the user that runs synapse-sync; its default one unless given.",
        examples=["scans"],
    )
    anonymous: bool = Field(default=False, description="Whether to ask without credentials.", examples=[False])
    access_key_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds the access key; AWS's own places unless given.",
        examples=["SCANS_ACCESS_KEY"],
    )
    secret_key_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds the secret key.",
        examples=["SCANS_SECRET_KEY"],
    )
    session_token_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds the session token, where there is one.",
        examples=["SCANS_SESSION_TOKEN"],
    )
    addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description='Whether the bucket stands in the address\'s path or its host name; "auto" is "path" with an '
        "endpoint_url of your own.",
        examples=["virtual"],
    )
    ca_bundle: FilePath | None = Field(
        default=None,
        description="File with the certificates to trust, for a service with a certificate of its own.",
        examples=["/etc/ssl/certs/nas.pem"],
    )
    connect_timeout: Interval = Field(
        default=as_written("10s"), description="Longest wait for a connection.", examples=["10s"]
    )
    read_timeout: Interval = Field(
        default=as_written("60s"), description="Longest silence of a connection.", examples=["60s"]
    )

    def contradictions(self) -> dict[str, str]:
        """Settings that can't stand together: name -> what to do."""
        found = {}
        keys = [name for name in ("access_key_env", "secret_key_env", "session_token_env") if getattr(self, name)]
        if keys and not (self.access_key_env and self.secret_key_env):
            found[keys[0]] = "access_key_env and secret_key_env go together; write both"
        if self.anonymous and (keys or self.profile):
            found["anonymous"] = f"asks without credentials; remove it, or {', '.join(keys or ['profile'])}"
        elif keys and self.profile:
            found["profile"] = f"names other credentials than {', '.join(keys)}; remove one or the other"
        return found
