"""Entries for systemd's journal, in its native protocol: one datagram of fields to its socket.

libsystemd does it where systemd-python is installed (the extra [systemd]), which also sends what a datagram can't hold;
otherwise it is done here, and a message that is too long is cut. https://systemd.io/JOURNAL_NATIVE_PROTOCOL
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Callable, Mapping
from importlib import import_module

from synapse_sync.logs.entries import Entry

SOCKET = "/run/systemd/journal/socket"
LONGEST = 32_000  # characters of one field: the datagram stays below the 208 KiB of Linux's net.core.wmem_default
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))  # syslog(3)


def is_stderr(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether standard error goes to the journal: $JOURNAL_STREAM is DEVICE:INODE (systemd.exec(5))."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def fields_of(entry: Entry) -> dict[str, str]:
    """The journal's fields of an entry; names in capitals."""
    priority = next(number for level, number in _PRIORITIES if entry.level >= level)
    message = "\n".join((entry.message, *entry.trace))
    fields = {
        "MESSAGE": message,
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "synapse-sync",
        "LOGGER": entry.kind[0],
    }
    return {**fields, **{name.upper(): value for name, value in entry.fields.items()}}


def packed(fields: Mapping[str, str]) -> bytes:
    """The datagram: NAME=VALUE lines; a value of several lines goes with its length (64 bits, little endian)."""
    lines = []
    for name, value in fields.items():
        data = value[:LONGEST].encode("utf-8", "replace")
        head = name.encode("ascii")
        lines.append(head + b"\n" + struct.pack("<Q", len(data)) + data if b"\n" in data else head + b"=" + data)
    return b"\n".join(lines) + b"\n"


def sender() -> Callable[[Entry], None]:
    """What writes an entry to the journal. The result raises OSError where the journal does not listen."""
    try:
        journal = import_module("systemd.journal")
    except ImportError:
        return _send

    def send(entry: Entry) -> None:
        journal.sendv(*(f"{name}={value}" for name, value in fields_of(entry).items()))

    return send


def _send(entry: Entry) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(packed(fields_of(entry)), SOCKET)
