"""What a web server says by which a change of a file is told: its ETag, its time, its size. Pure.

An ETag counts only where it is a strong one (RFC 9110 8.8.3): a weak one may stay what it is while the content changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from synapse_sync.records import Observation

SECOND = 1_000_000_000
_STRONG = re.compile(r'("?)([\x21\x23-\x7e]{1,256})\1')
_SIZE = re.compile(r"[0-9]{1,18}")
_YEARS = (datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC))  # what 64 bits of nanoseconds can tell


def strong(etag: str) -> str:
    """An ETag, in its quotes, which WsgiDAV's listings leave out; "" where it is weak, or none."""
    found = _STRONG.fullmatch(etag.strip())
    return f'"{found[2]}"' if found and not found[2].startswith("W/") else ""


def size_of(text: str) -> int | None:
    """A number of bytes; None where it is no number."""
    number = text.strip()
    return int(number) if _SIZE.fullmatch(number) else None


def moment_of(text: str) -> int:
    """The time that an HTTP date tells, in nanoseconds; 0 where it tells none."""
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, OverflowError):
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND if _YEARS[0] < moment < _YEARS[1] else 0


def observation(size: str, modified: str, etag: str) -> Observation | None:
    """What these three say of a file; None where a change of it could not be told by them."""
    bytes_there, moment, token = size_of(size), moment_of(modified), strong(etag)
    if bytes_there is None or not (moment or token):
        return None
    return Observation(bytes_there, moment, 0, token)


def condition(observed: Observation) -> dict[str, str]:
    """The header with which this file alone is asked for."""
    if observed.token:
        return {"If-Match": str(observed.token)}
    moment = datetime.fromtimestamp(observed.mtime_ns // SECOND, UTC)
    return {"If-Unmodified-Since": format_datetime(moment, usegmt=True)}


def is_same(observed: Observation, told: Mapping[str, str]) -> bool:
    """Whether an answer's headers are those of the observed file, by whatever both of them tell."""
    etag = strong(told.get("etag", ""))
    if observed.token and etag:
        return bool(etag == observed.token)
    moment = moment_of(told.get("last-modified", ""))
    return not moment or moment // SECOND == observed.mtime_ns // SECOND
