"""A log record as the text that may leave: one line, names escaped, secrets taken out.

Messages avoid secrets where they are made; what is taken out here is the last line of defence.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any, NamedTuple

from synapse_sync.errors import SynapseSyncError
from synapse_sync.shown import plain, shown

FIELDS = ("feed", "unit_key", "path", "error_class")
"""What a record's `extra` may carry; the journal has them in capitals."""

_GONE = "…"
_SIGNATURES = (
    "x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|"
    "awsaccesskeyid|googleaccessid|signature|sig|token|key"
)
"""Parameters that make a URL of S3, GCS or Azure a presigned one."""
_SECRETS = (
    # A token of Synapse (protocol §1), what a header carries, what makes a URL a secret, a password in any URL.
    (r"\bsyn_[A-Za-z0-9_\-]{8,}", "syn_" + _GONE),
    (
        r"(authorization|access[_-]token)([\"']?\s*[:=]\s*[\"']?(?:(?:token|bearer|basic)\s+)?)[^\s\"',;}]+",
        rf"\1\2{_GONE}",
    ),
    (r"\b((?:token|bearer)\s+)[a-z0-9._\-]{16,}", rf"\1{_GONE}"),
    (rf"([?&;](?:{_SIGNATURES})=)[^&\s\"'<>:]+", rf"\1{_GONE}"),
    (r"\b([a-z][a-z0-9+.\-]*://[^\s/@:]*:)[^\s/@]+@", rf"\1{_GONE}@"),
)
_PATTERNS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in _SECRETS]
_hidden: set[str] = set()


class Entry(NamedTuple):
    """What is written: `at` in seconds since 1970, a level of logging, one line, its fields, lines of a traceback.

    kind tells entries apart that say the same of other things: the logger, the message before its arguments are put
    in, the feed and the error's class.
    """

    at: float
    level: int
    message: str
    fields: dict[str, str]
    trace: tuple[str, ...]
    kind: tuple[str, ...]


def hide(secret: str) -> None:
    """Never let this text out; shorter ones than 6 characters would take too much else with them."""
    if len(secret) >= 6:
        _hidden.add(secret)


def unhide(secret: str) -> None:
    """Forget a text that is of no use to anybody any more: what is replaced each hour would grow for years."""
    _hidden.discard(secret)


def redacted(text: str) -> str:
    """The text without secrets."""
    for secret in _hidden:
        text = text.replace(secret, _GONE)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def entry_of(record: logging.LogRecord) -> Entry:
    """What may be written of a record; an error of ours as argument or exc_info names its class."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError) as misfit:
        message = f"{record.msg} {record.args!r} ({misfit})"  # arguments that don't fit: the words must not be lost
    fields = {name: _text(value) for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")}
    error = record.exc_info[1] if record.exc_info else None
    trace: tuple[str, ...] = ()
    if error is not None:
        fields.setdefault("error_class", type(error).__name__)
        if not isinstance(error, SynapseSyncError):
            trace = tuple(plain(redacted(line)) for line in _traceback(record).splitlines())
    kind = (record.name, str(record.levelno), str(record.msg), fields.get("feed", ""), fields.get("error_class", ""))
    return Entry(record.created, record.levelno, plain(redacted(message)), fields, trace, kind)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = shown(value)
    elif isinstance(value, os.PathLike):
        value = shown(os.fsencode(value))
    return plain(redacted(str(value)))


def _traceback(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
