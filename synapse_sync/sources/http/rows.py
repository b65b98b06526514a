"""A folder's list in JSON, as nginx (autoindex_format json) and Caddy give it, piece by piece as it comes. Pure.

Its sizes and times are exact. An empty list is one of theirs only where one of them says that it is the server.
"""

from __future__ import annotations

import codecs
import json
import re
from datetime import UTC, datetime
from typing import Any

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry
from synapse_sync.sources.http.pages import NoIndex
from synapse_sync.sources.web.validators import SECOND, moment_of

LARGEST = 64 << 10  # characters of one row

_SERVERS = re.compile(r"(?:nginx|openresty|tengine|angie|caddy)\b", re.IGNORECASE)
_DECODER = json.JSONDecoder()
_KINDS = {"file": "file", "directory": "folder", "other": "special"}
_FRACTION = re.compile(r"\.(\d{1,9})\d*")


class Rows:
    """Takes the list in pieces, and gives what each of them completes. server: what calls itself that."""

    def __init__(self, server: str) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._known = bool(_SERVERS.match(server))
        self._left = ""
        self._began = self._ended = self._any = self._comma = False

    def takes(self, piece: bytes) -> list[Entry]:
        """What is complete now. Raises NoIndex."""
        self._left += self._text.decode(piece)
        found = self._rows()
        if len(self._left) > LARGEST + len(piece):
            raise NoIndex
        return found

    def ends(self) -> list[Entry]:
        """What remained. Raises NoIndex."""
        self._left += self._text.decode(b"", final=True)
        if self._left.strip() == "null" and not self._began and self._known:  # Caddy's word for an empty one
            return []
        found = self._rows()
        if not self._ended or self._left.strip() or not (self._any or found or self._known):
            raise NoIndex
        return found

    def _rows(self) -> list[Entry]:
        found: list[Entry] = []
        position = 0
        text = self._left
        while not self._ended:
            while position < len(text) and text[position] in " \t\r\n":
                position += 1
            if position == len(text):
                break
            sign = text[position]
            if not self._began:
                if sign != "[":
                    if "null".startswith(text[position:].strip()):
                        break
                    raise NoIndex
                self._began = True
            elif sign == "]":
                self._ended = True
            elif sign == "," and self._comma:
                self._comma = False
            elif sign == "{" and not self._comma:
                try:
                    row, position = _DECODER.raw_decode(text, position)
                except ValueError:
                    break  # not whole yet, or never
                except RecursionError as error:
                    raise NoIndex from error
                found.append(_entry(row))
                self._any = self._comma = True
                continue
            else:
                raise NoIndex
            position += 1
        self._left = text[position:]
        return found


def _entry(row: dict[str, Any]) -> Entry:
    try:
        name = row["name"].encode("utf-8", "surrogateescape").removesuffix(b"/")
        if "is_dir" in row:
            kind = "folder" if row["is_dir"] else "file"
            moment = _exact(row["mod_time"])
        else:
            kind = _KINDS[row["type"]]
            moment = moment_of(row["mtime"])
        if kind == "folder":
            return Entry(name, "folder")
        if kind == "special":
            return Entry(name, "special")
        size = row["size"]
        if type(size) is not int or not 0 <= size < 1 << 63 or not moment:
            return Entry(name, "unsaid")
        return Entry(name, "file", Observation(size, moment, 0, ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoIndex from error


def _exact(text: str) -> int:
    """A time as Caddy tells it, in nanoseconds; 0 for one that nobody can mean. Raises ValueError."""
    fraction = _FRACTION.search(text)
    moment = datetime.fromisoformat(_FRACTION.sub("", text))
    if moment.tzinfo is None or not 1678 < moment.year < 2262:
        return 0
    whole = int(moment.astimezone(UTC).timestamp()) * SECOND
    return whole + (int(fraction[1].ljust(9, "0")) if fraction else 0)
