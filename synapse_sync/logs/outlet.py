"""Where log entries go, and what the rest of Python's logging is set to."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from synapse_sync.config.model import Log
from synapse_sync.logs import journal
from synapse_sync.logs.entries import Entry, entry_of
from synapse_sync.logs.repeats import Repeats

Form = Literal["text", "json", "journal"]
LOUD = ("urllib3", "apscheduler", "watchdog", "fsspec", "requests", "asyncio", "openpyxl", "uvicorn")
"""Libraries that tell more than anybody wants to know; their warnings are heard."""


class Outlet(logging.Handler):
    """Writes what is left of the records once repeats are collapsed and secrets taken out."""

    def __init__(self, write: Callable[[Entry], None]) -> None:
        super().__init__()
        self._write = write
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; called under the handler's lock."""
        try:
            self._write_all(self._repeats.passed(entry_of(record)))
        except Exception:  # noqa: BLE001 - logging's own rule: a record that can't be written must not end the work
            self.handleError(record)

    def tell_repeats(self) -> None:
        """Write the counts that are due although nothing else is logged."""
        with self.lock or threading.RLock():
            self._write_all(self._repeats.due(time.time()))

    def close(self) -> None:
        """Write every open count; logging calls it when the process ends."""
        with self.lock or threading.RLock():
            self._write_all(self._repeats.all(time.time()))
        super().close()

    def _write_all(self, entries: Iterable[Entry]) -> None:
        """Write as many as can be: a full disk, or a reader that is gone, leaves nobody to be told and ends no work."""
        for entry in entries:
            with suppress(OSError, ValueError):  # ValueError: standard error was closed
                self._write(entry)


def configure(log: Log) -> Outlet:
    """Send all logging of this process to standard error as [log] says; replaces what was configured before."""
    form = chosen(log.format)
    outlet = Outlet(_writer(form))
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        if isinstance(handler, Outlet):
            handler.close()
    root.addHandler(outlet)
    root.setLevel(log.level.upper())
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # that a pool is full is no trouble
    logging.captureWarnings(True)
    return outlet


def tell_repeats() -> None:
    """Write counts that are due; called now and then by a process that lives."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Outlet):
            handler.tell_repeats()


def chosen(form: Literal["auto", "text", "json", "journal"]) -> Form:
    """The form that suits where standard error goes."""
    if form != "auto":
        return form
    if journal.is_stderr():
        return "journal"
    return "text" if sys.stderr.isatty() else "json"


def as_text(entry: Entry) -> str:
    """A line for people, local time; a traceback below it, indented."""
    at = datetime.fromtimestamp(entry.at).isoformat(" ", "seconds")
    place = ", ".join(f"{name}={value}" for name, value in entry.fields.items() if value not in entry.message)
    head = f"{at} {logging.getLevelName(entry.level).lower():<7} {entry.message}" + (f"  [{place}]" if place else "")
    return "\n".join((head, *(f"    {line}" for line in entry.trace)))


def as_json(entry: Entry) -> str:
    """One JSON object in a line: at (UTC), level, message, logger, and the fields that there are."""
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
    head = {"at": at, "level": logging.getLevelName(entry.level).lower(), "message": entry.message}
    trace = {"trace": list(entry.trace)} if entry.trace else {}
    return json.dumps({**head, "logger": entry.kind[0], **entry.fields, **trace}, ensure_ascii=False)


def _writer(form: Form) -> Callable[[Entry], None]:
    def to_stderr(entry: Entry) -> None:
        sys.stderr.write((as_json(entry) if form == "json" else as_text(entry)) + "\n")
        sys.stderr.flush()

    if form != "journal":
        return to_stderr
    send = journal.sender()

    def to_journal(entry: Entry) -> None:
        try:
            send(entry)
        except OSError:
            to_stderr(entry)  # journald is being restarted, or is not there: systemd keeps what is printed, too

    return to_journal
