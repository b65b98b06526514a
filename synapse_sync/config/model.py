"""The whole config file as one object: Config, and its tables server, ledger, schedule, upload and log.

Attribute names are the keys of the file; durations are float seconds, sizes int bytes, limits in bytes per second, and
None or "" means "not set", or "no limit". loading.py builds it and adds where it came from and what it warns of. Every
field has a description and an example, from which `config schema` is made.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, PrivateAttr, WithJsonSchema

from synapse_sync.config.bandwidth import BandwidthLimit
from synapse_sync.config.feed import Feed
from synapse_sync.config.paths import FilePath
from synapse_sync.config.quantities import Duration, Interval, Size, as_written
from synapse_sync.config.section import Section
from synapse_sync.config.urls import check_ping_url, parse_url

DEFAULT_URL = "https://api.synapse.sh"
"""protocol §1."""

_MOST_WORKERS = 64


def _parse_workers(value: object) -> int | str:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_WORKERS):
        return value
    raise ValueError(f'must be "auto" or a whole number from 1 to {_MOST_WORKERS}')


def _limit(size: int | None) -> int | None:
    return size or None


def _no_token(path: Path) -> Path:
    """Refuse a token where its file's name belongs, without repeating it; tokens look like this (protocol §1)."""
    if re.fullmatch(r"syn_[A-Za-z0-9_-]{16,}", path.name):
        raise ValueError("looks like a token; write the name of a file that holds it")
    return path


Workers = Annotated[
    Literal["auto"] | int,
    PlainValidator(_parse_workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": _MOST_WORKERS}]}),
]


class Server(Section):
    """Where units go. No secret stands here: the token comes from the environment, a file or `login`."""

    url: Annotated[str, AfterValidator(parse_url)] = Field(
        default=DEFAULT_URL,
        description="Address of the Synapse server, without /v2. SYNAPSE_HOST replaces it.",
        examples=[DEFAULT_URL],
    )
    access_token_file: Annotated[FilePath, AfterValidator(_no_token)] | None = Field(
        default=None,
        description="File that holds the access token and nothing else, readable by the service alone.",
        examples=["/etc/synapse-sync/token"],
    )
    tenant: str = Field(default="", description="Tenant code, where the server has several.", examples=["acme"])
    api: Literal["auto", "v1", "v2"] = Field(
        default="auto", description="API that units are registered through.", examples=["auto"]
    )
    checksum: Literal["auto", "md5", "sha1"] = Field(
        default="auto", description="Checksum that the server knows files by.", examples=["auto"]
    )
    ca_bundle: FilePath | None = Field(
        default=None,
        description="File with the certificates to trust, for a server with a certificate of its own.",
        examples=["/etc/ssl/certs/nas.pem"],
    )
    connect_timeout: Interval = Field(
        default=as_written("5s"), description="Longest wait for a connection.", examples=["5s"]
    )
    read_timeout: Interval = Field(
        default=as_written("30s"),
        description="Longest wait for the answer to an ordinary request; uploads and registrations may take longer.",
        examples=["30s"],
    )


class Ledger(Section):
    """The database that remembers what became of each file."""

    path: FilePath | None = Field(
        default=None,
        description="The ledger's file, on a local disk; by default it follows the config file.",
        examples=["/var/lib/synapse-sync/ledger.db"],
    )
    keep_history: Duration = Field(
        default=as_written("180d"),
        description="How long the history of finished work is kept; 0 keeps it for ever.",
        examples=["180d"],
    )


class Schedule(Section):
    """How often things happen."""

    run_every: Interval = Field(
        default=as_written("1m"), description="How often waiting work is looked at.", examples=["1m"]
    )
    rescan_every: Interval = Field(
        default=as_written("1h"),
        description="How often every folder is listed in full, events or not.",
        examples=["1h"],
    )
    audit_every: Duration = Field(
        default=as_written("7d"),
        description="How often the ledger is compared with the server; 0 is never.",
        examples=["7d"],
    )
    backup_every: Duration = Field(
        default=as_written("1d"), description="How often the ledger is copied; 0 is never.", examples=["1d"]
    )
    ping_url: Annotated[str, AfterValidator(check_ping_url)] = Field(
        default="",
        description="Address that is called after every run in which all is well, for a service that notices silence.",
        examples=["https://ping.example.org/scans"],
    )


class Upload(Section):
    """How files are sent."""

    workers: Workers = Field(
        default="auto",
        description='How many small files are sent at once, and beside them parts of larger ones; "auto": as many as '
        "make it faster and lose nothing.",
        examples=["auto", 4],
    )
    route: Literal["auto", "direct", "chunked", "presigned"] = Field(
        default="auto", description="How a file's bytes travel.", examples=["auto"]
    )
    chunk_size: Size = Field(
        default=as_written("50MiB"), description="Size of one piece of a large file.", examples=["50MiB"]
    )
    bandwidth_limit: BandwidthLimit | None = Field(
        default=None,
        description="Most bytes sent per second, at all times or by days and hours; no limit unless given.",
        examples=["20MB/s", "Mon-Fri 08:00-18:00 5MB/s, else unlimited"],
    )
    batch_size: int = Field(
        default=200, ge=1, le=1000, description="Most units registered with one request.", examples=[200]
    )
    max_file_size: Annotated[Size | None, AfterValidator(_limit)] = Field(
        default=None,
        description="Larger files wait for a person instead of being sent; no limit unless given, or with 0.",
        examples=["20GB"],
    )
    spool: FilePath | None = Field(
        default=None,
        description="Folder for remote files on their way to the server; beside the ledger unless given.",
        examples=["/var/spool/synapse-sync"],
    )
    spool_size: Size = Field(
        default=as_written("1GiB"),
        description="Most bytes kept in the spool; larger files are read twice, with 0 all are.",
        examples=["50GiB"],
    )


class Log(Section):
    """What is written about the work."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important messages that are written.", examples=["info"]
    )
    format: Literal["auto", "text", "json", "journal"] = Field(
        default="auto", description='How messages are written; "auto" suits where they go.', examples=["auto"]
    )


class Config(Section):
    """The configuration of synapse-sync."""

    server: Server = Field(default=Server(), description="Where units go.")
    ledger: Ledger = Field(default=Ledger(), description="The database that remembers what became of each file.")
    schedule: Schedule = Field(default=Schedule(), description="How often things happen.")
    upload: Upload = Field(default=Upload(), description="How files are sent.")
    log: Log = Field(default=Log(), description="What is written about the work.")
    feeds: list[Feed] = Field(default=[], description="The streams of files, each into one data collection.")

    _source: Path = PrivateAttr(default=Path("config.toml"))
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def source(self) -> Path:
        """The absolute path of the file that this was loaded from."""
        return self._source

    @property
    def warnings(self) -> list[str]:
        """What is allowed but unwise, in words."""
        return list(self._warnings)

    def loaded_from(self, source: Path, warnings: tuple[str, ...]) -> Config:
        """The same configuration, with the file that it came from and what to warn of."""
        self._source, self._warnings = source, warnings
        return self
