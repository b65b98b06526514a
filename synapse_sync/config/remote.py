"""How a feed gets at a remote path: [feeds.remote] and [feeds.assets.SPEC.remote].

No secret stands in the config: credentials come from where the provider's own tools look for them, or from environment
variables that are named here. Pure; errors are ValueErrors in words that repeat neither address nor secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from synapse_sync.config.paths import FilePath
from synapse_sync.config.quantities import Interval, as_written
from synapse_sync.config.section import Section


class Kind(NamedTuple):
    """A kind of remote path: how it is written, what reads it, which options are for it alone, and what installs that.

    package: the module to look for, "" where Python brings it; extra: as the kind's scheme, unless given.
    """

    example: str
    package: str
    options: frozenset[str]
    extra: str = ""


_WEB = frozenset({"user", "password_env", "token_env", "ca_bundle"})

KINDS: Mapping[str, Kind] = {
    "s3": Kind(
        "s3://bucket/prefix",
        "botocore",
        frozenset(
            {"endpoint_url", "region", "profile", "anonymous", "access_key_env", "secret_key_env", "session_token_env"}
            | {"addressing", "ca_bundle"}
        ),
    ),
    "gs": Kind(
        "gs://bucket/prefix",
        "google.auth",
        frozenset({"endpoint_url", "anonymous", "credentials_file", "ca_bundle"}),
        extra="gcs",
    ),
    "az": Kind(
        "az://container/prefix",
        "azure.storage.blob",
        frozenset({"endpoint_url", "anonymous", "account", "account_key_env", "sas_token_env", "ca_bundle"}),
        extra="azure",
    ),
    "sftp": Kind(
        "sftp://host/path",
        "paramiko",
        frozenset({"user", "password_env", "key_file", "key_passphrase_env", "known_hosts", "host_key"}),
    ),
    "smb": Kind("smb://host/share/path", "smbprotocol", frozenset({"user", "password_env", "encrypt"})),
    "ftp": Kind("ftp://host/path", "", frozenset({"user", "password_env"})),
    "ftps": Kind("ftps://host/path", "", frozenset({"user", "password_env", "ca_bundle", "implicit_tls"})),
    **{
        scheme: Kind(f"{scheme}://host/path", "requests", _WEB, extra="webdav")
        for scheme in ("webdav", "webdavs", "http", "https")
    },
}
"""The remote paths that this version reads, by scheme. What no kind has for itself is for all of them."""


def extra_of(scheme: str) -> str:
    """The command that installs what reads a kind of remote path."""
    return f"pip install 'synapse-sync[{KINDS[scheme].extra or scheme}]'"


def _endpoint(value: str) -> str:
    if "@" in value:
        raise ValueError(
            "holds a user or password; name environment variables with access_key_env and secret_key_env, or "
            "account_key_env, or a credentials_file"
        )
    if "?" in value:
        raise ValueError('must end before "?"; a shared access signature is a secret: name its variable, sas_token_env')
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


def _fingerprint(value: str) -> str:
    if value and not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", value):
        raise ValueError('is no fingerprint; write it as ssh-keygen -l shows it, like "SHA256:" and 43 characters')
    return value.rstrip("=")


def _account(value: str) -> str:
    if value and not re.fullmatch(r"[a-z0-9-]{3,64}", value):
        raise ValueError("is no name of a storage account: small letters and digits, without the rest of its address")
    return value


Variable = Annotated[str, AfterValidator(_variable)]
"""The name of an environment variable."""


class Remote(Section):
    """Access to a remote path."""

    endpoint_url: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="",
        description="Address of the service; Amazon's, for gs:// Google's, for az:// the account's, unless given.",
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
    credentials_file: FilePath | None = Field(
        default=None,
        description="File with the key of a service account, or other credentials for Google Cloud; the application "
        "default ones (GOOGLE_APPLICATION_CREDENTIALS, gcloud, the machine's own) unless given.",
        examples=["/etc/synapse-sync/scans-reader.json"],
    )
    account: Annotated[str, AfterValidator(_account)] = Field(
        default="",
        description="Name of the storage account for az://; AZURE_STORAGE_ACCOUNT, or the one that "
        "AZURE_STORAGE_CONNECTION_STRING names, unless given.",
        examples=["hospitalscans"],
    )
    account_key_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds the storage account's key; Azure's own places unless "
        "given.",
        examples=["SCANS_ACCOUNT_KEY"],
    )
    sas_token_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds a shared access signature to read and list with.",
        examples=["SCANS_SAS"],
    )
    user: str = Field(
        default="",
        description="Whom to log in as; the user in the URL unless given, else who runs synapse-sync over SSH, nobody "
        "(anonymously) over FTP. A "
        "domain's user on a share is DOMAIN\\\\name or name@domain.",
        examples=["scans"],
    )
    password_env: Variable = Field(
        default="", description="Name of the environment variable that holds the password.", examples=["NAS_PASSWORD"]
    )
    token_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds a token that a web server knows (Bearer), instead of "
        "a user and a password.",
        examples=["CLOUD_TOKEN"],
    )
    key_file: FilePath | None = Field(
        default=None,
        description="File with the private SSH key; the SSH agent's and those in ~/.ssh unless given.",
        examples=["/etc/synapse-sync/nas_ed25519"],
    )
    key_passphrase_env: Variable = Field(
        default="",
        description="Name of the environment variable that holds the passphrase of key_file.",
        examples=["NAS_KEY_PASSPHRASE"],
    )
    known_hosts: FilePath | None = Field(
        default=None,
        description="File with the keys of known SSH servers; ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts unless "
        "given.",
        examples=["/etc/synapse-sync/known_hosts"],
    )
    host_key: Annotated[str, AfterValidator(_fingerprint)] = Field(
        default="",
        description="Fingerprint of the SSH server's key, as ssh-keygen -l shows it: it alone is accepted then.",
        examples=["SHA256:9mMYJJzvCbRSPnVLLBYbWzYCF2nDwKVzVuvbRqmmmTk"],
    )
    encrypt: bool = Field(
        default=False,
        description="Whether all that is read from a share must be encrypted; what is sent is signed in any case.",
        examples=[True],
    )
    implicit_tls: bool = Field(
        default=False,
        description="Whether TLS begins with the connection to an FTP server, as it does at port 990 in any case; else "
        "it is asked for first (AUTH TLS).",
        examples=[True],
    )
    connect_timeout: Interval = Field(
        default=as_written("10s"), description="Longest wait for a connection.", examples=["10s"]
    )
    read_timeout: Interval = Field(
        default=as_written("60s"), description="Longest silence of a connection.", examples=["60s"]
    )

    @property
    def service(self) -> str:
        """Which of several services of a kind is meant, as far as it is said here."""
        return f"{self.account} {self.endpoint_url}".strip()

    def files(self) -> list[Path]:
        """The files that are named here."""
        named = (self.ca_bundle, self.credentials_file, self.key_file, self.known_hosts)
        return [path for path in named if path is not None]

    def foreign(self, schemes: Collection[str]) -> dict[str, str]:
        """Options that are for none of these kinds of remote paths: name -> for which they are, in words."""
        own = {scheme for scheme in schemes if scheme in KINDS}
        found = {}
        for name in sorted(self.model_fields_set) if own else ():
            kinds = [scheme for scheme, kind in KINDS.items() if name in kind.options]
            if kinds and not own.intersection(kinds):
                *others, last = (f"{scheme}://" for scheme in kinds)
                paths = f"{', '.join(others)} and {last}" if others else last
                found[name] = f"is for {paths} paths alone; remove it"
        return found

    def contradictions(self) -> dict[str, str]:
        """Settings that can't stand together: name -> what to do."""
        found = {}
        keys = [name for name in ("access_key_env", "secret_key_env", "session_token_env") if getattr(self, name)]
        if keys and not (self.access_key_env and self.secret_key_env):
            found[keys[0]] = "access_key_env and secret_key_env go together; write both"
        azure = [name for name in ("account_key_env", "sas_token_env") if getattr(self, name)]
        others = keys or azure or [name for name in ("profile", "credentials_file") if getattr(self, name)]
        if self.anonymous and others:
            found["anonymous"] = f"asks without credentials; remove it, or {', '.join(others)}"
        elif keys and self.profile:
            found["profile"] = f"names other credentials than {', '.join(keys)}; remove one or the other"
        if len(azure) > 1:
            found["sas_token_env"] = "names other credentials than account_key_env; remove one of them"  # noqa: S105
        if self.token_env and self.password_env:
            found["token_env"] = "is another login than password_env; remove one or the other"  # noqa: S105 - likewise
        if self.key_passphrase_env and self.key_file is None:
            found["key_passphrase_env"] = "is for a key_file; name the file as well"  # noqa: S105 - it is the option's
        if self.host_key and self.known_hosts is not None:
            found["known_hosts"] = "is of no use beside host_key, which alone is accepted; remove one or the other"
        return found
