"""What FTP servers say of files: MLSD and MLST (RFC 3659, 7), LIST as Unix and MS-DOS write it, MDTM. Pure.

LIST's times have no seconds, no zone and often no year: they prove nothing, and a file in such a list is "unsaid", so
that its size and time are asked for. A line that is none of a known form is a ValueError: it may be of a known file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry

_LARGEST = (1 << 63) - 1  # what a ledger can hold
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(rb"(\d{14})(?:\.(\d+))?")
_NUMBERS = re.compile(rb"[0-9A-Fa-f]+[gU]([0-9A-Fa-f]+)")  # device and inode: pure-ftpd and pyftpdlib, ProFTPD
_MONTHS = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_UNIX = re.compile(
    rb"([-dlpscbD])[-rwxsStTlL]{9}[+.@]? +\d+ .*? +" + _MONTHS + rb" +\d{1,2} +(?:\d{4}|\d{1,2}:\d\d) (.+)", re.DOTALL
)
_DOS = re.compile(rb"\d\d-\d\d-(?:\d\d|\d{4}) +\d\d:\d\d(?:[AP]M)? +(?:<(\w+)> +|[\d,.]+ )(.+)", re.DOTALL)
_UNIX_KINDS: Mapping[bytes, str] = {b"-": "unsaid", b"d": "folder", b"l": "link"}
_ARROW, _TARGET = b" -> ", b" ["
_NOT_MLSD = "is no line of MLSD"


def time_of(text: bytes) -> int | None:
    """Nanoseconds since 1970 of "20250131235959.123" (RFC 3659, 2.3), as far as a ledger can hold; None for no time."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    try:
        moment = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    passed = moment - _EPOCH
    fraction = int((found[2] or b"0")[:9].ljust(9, b"0"))
    whole = (passed.days * 86400 + passed.seconds) * 1_000_000_000 + fraction
    return max(-_LARGEST, min(_LARGEST, whole))


def size_of(text: bytes) -> int | None:
    """A number of bytes; None where it is none that a ledger can hold."""
    return int(text) if re.fullmatch(rb"\d{1,19}", text) and int(text) <= _LARGEST else None


def machine_entry(line: bytes) -> Entry:
    """A line of MLSD, or the one of MLST: "type=file;size=3;modify=20250131235959; name". Raises ValueError.

    A file's token is its number, without that of its disk, which may be another after a restart of the server.
    """
    written, blank, name = line.partition(b" ")
    facts = {}
    for fact in written.rstrip(b";").split(b";"):
        key, equals, value = fact.partition(b"=")
        if written and not equals:
            raise ValueError(_NOT_MLSD)
        facts[key.lower()] = value
    if not blank or not name:
        raise ValueError(_NOT_MLSD)
    return _machine_entry(facts, name)


def _machine_entry(facts: Mapping[bytes, bytes], name: bytes) -> Entry:
    kind, unique = facts.get(b"type", b"").lower(), facts.get(b"unique", b"")
    if kind in (b"dir", b"cdir", b"pdir"):
        known = {b"cdir": b".", b"pdir": b".."}.get(kind, name)
        return _named(Entry(known, "folder", identity=_identity(unique)))
    if kind.startswith((b"os.unix=slink", b"os.unix=symlink")):
        return _named(Entry(name, "link"))
    if kind and kind != b"file":
        return Entry(name, "special")
    size, written = size_of(facts.get(b"size", b"")), time_of(facts.get(b"modify", b""))
    if not kind or size is None or written is None:
        return _named(Entry(name, "unsaid"))
    numbers = _NUMBERS.fullmatch(unique)
    token = (numbers[1] if numbers else unique).decode("latin-1")
    return _named(Entry(name, "file", Observation(size, written, 0, token)))


def answered_entry(answer: bytes) -> Entry:
    """What MLST's whole answer says. Raises ValueError where it says nothing.

    RFC 3659, 7.2: a line between the first and the last, after a blank; a few servers write "250-" there.
    """
    for line in answer.splitlines()[1:-1]:
        written = line.removeprefix(b"250-").removeprefix(b" ")
        if b"=" in written.partition(b" ")[0]:
            return machine_entry(written)
    raise ValueError(f"MLST was answered by {answer[:100]!r}")


def plain_entry(line: bytes) -> Entry | None:
    """A line of LIST; None for one that is of no file. Raises ValueError."""
    if not line or re.fullmatch(rb"total \d+", line):
        return None
    if unix := _UNIX.fullmatch(line):
        kind, name = _UNIX_KINDS.get(unix[1], "special"), unix[2]
        return _linked(name, _ARROW) if kind == "link" else _named(Entry(name, kind))  # type: ignore[arg-type]
    if dos := _DOS.fullmatch(line):
        if dos[1] is None:
            return _named(Entry(dos[2], "unsaid"))
        return _named(Entry(dos[2], "folder")) if dos[1] == b"DIR" else _linked(dos[2], _TARGET)
    raise ValueError("is no line of a list as Unix and MS-DOS write it")


def _linked(text: bytes, before: bytes) -> Entry:
    """A link, and where it leads to; its name can't be told where that comes more than once."""
    name, *targets = text.split(before)
    return _named(Entry(name, "link")) if len(targets) < 2 else Entry(name, "nameless")


def _named(entry: Entry) -> Entry:
    """A line's end in a name would end the command that asks for it."""
    return entry._replace(kind="nameless") if b"\r" in entry.name or b"\n" in entry.name else entry


def _identity(unique: bytes) -> int:
    return int.from_bytes(hashlib.sha256(unique).digest()[:8], "big") if unique else 0
