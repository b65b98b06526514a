"""The configuration: one TOML file as a Config, the token that goes with it, and where the ledger is.

    find_config(--config) ─► path ─► load(path) ─► Config      every mistake at once, each with its line
                                       │ places, problems, rules, not_yet
    resolve(config) ─► Credentials     ledger_path(config) ─► Path

Plain data, importable by all; imports neither the network nor the command line.
"""

from synapse_sync.config.addresses import (
    Host,
    Share,
    bucket_and_prefix,
    host_and_path,
    scheme_of,
    share_and_path,
)
from synapse_sync.config.credentials import Credentials, masked, resolve
from synapse_sync.config.feed import Asset, AssetRoot, Feed, Grouping, Metadata
from synapse_sync.config.invoking import command_for, program
from synapse_sync.config.loading import find_config, load, loads
from synapse_sync.config.locations import ledger_path, socket_places, spool_path
from synapse_sync.config.model import Config, Ledger, Log, Schedule, Server, Upload
from synapse_sync.config.remote import Remote, extra_of

__all__ = [
    "Asset",
    "AssetRoot",
    "Config",
    "Credentials",
    "Feed",
    "Grouping",
    "Host",
    "Ledger",
    "Log",
    "Metadata",
    "Remote",
    "Schedule",
    "Server",
    "Share",
    "Upload",
    "bucket_and_prefix",
    "command_for",
    "extra_of",
    "find_config",
    "host_and_path",
    "ledger_path",
    "load",
    "loads",
    "masked",
    "program",
    "resolve",
    "scheme_of",
    "share_and_path",
    "socket_places",
    "spool_path",
]
