"""The journal's native protocol: fields in capitals, values of several lines with their length."""

from __future__ import annotations

import logging
import struct
import sys
from types import ModuleType

import pytest

from synapse_sync.logs.entries import Entry
from synapse_sync.logs.journal import fields_of, is_stderr, packed, sender

ENTRY = Entry(0.0, logging.ERROR, "can't be read", {"feed": "scans", "unit_key": "p1"}, (), ("synapse_sync.x",) * 5)


def test_the_fields() -> None:
    assert fields_of(ENTRY) == {
        "MESSAGE": "can't be read",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "synapse-sync",
        "LOGGER": "synapse_sync.x",
        "FEED": "scans",
        "UNIT_KEY": "p1",
    }


def test_a_line_and_a_traceback() -> None:
    assert packed({"FEED": "scans"}) == b"FEED=scans\n"
    assert packed({"MESSAGE": "a\nb"}) == b"MESSAGE\n" + struct.pack("<Q", 3) + b"a\nb\n"


def test_a_message_is_cut_before_the_kernel_refuses_it() -> None:
    assert len(packed({"MESSAGE": "é" * 1_000_000})) < 200_000


def test_systemd_python_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    journal = ModuleType("systemd.journal")
    journal.sendv = lambda *fields: sent.extend(fields)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd.journal", journal)
    monkeypatch.setitem(sys.modules, "systemd", ModuleType("systemd"))
    sender()(ENTRY)
    assert {"MESSAGE=can't be read", "FEED=scans", "PRIORITY=3"} <= set(sent)


def test_standard_error_of_a_test_is_not_the_journal() -> None:
    assert not is_stderr({})
    assert not is_stderr({"JOURNAL_STREAM": "1:1"})
