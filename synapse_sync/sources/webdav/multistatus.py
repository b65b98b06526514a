"""What a server tells of a folder and what is in it (RFC 4918, 14.16), piece by piece as it comes. Pure.

Nothing but the end of the document is a whole answer. No document has a type of its own there, so that one with
entities, which could be as large as they like, is none.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.parsers import expat

from synapse_sync.sources.web.addresses import path_of

ASKED = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>
"""

LONGEST = 16 << 10  # characters of a property, or of an address
DEEPEST = 64  # elements within one another

_ROOT, _RESPONSE, _PROPSTAT = "DAV: multistatus", "DAV: response", "DAV: propstat"
_HREF, _STATUS, _COLLECTION, _TYPE = "DAV: href", "DAV: status", "DAV: collection", "DAV: resourcetype"
_PROPERTIES = {"DAV: getcontentlength", "DAV: getlastmodified", "DAV: getetag"}
_TEXTS = {_HREF, _STATUS, *_PROPERTIES}
_CODE = re.compile(r"HTTP/[\d.]+ +(\d{3})")


class NoMultistatus(Exception):
    """What comes is none, or not a whole one."""


class Member(NamedTuple):
    """A file or folder. status: what the server says of it as a whole, 200 where that is nothing.

    path: where it is on the server, absolute, without a slash at its end. folder: None where that is not told; the
    properties are "" where they are not.
    """

    path: bytes
    status: int
    folder: bool | None
    size: str
    modified: str
    etag: str


class Multistatus:
    """Takes the document in pieces, and gives what each of them completes."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._begins
        self._parser.EndElementHandler = self._ends
        self._parser.CharacterDataHandler = self._says
        self._parser.StartDoctypeDeclHandler = self._has_type
        self._above: list[str] = []
        self._text: list[str] | None = None
        self._length = 0
        self._found: list[Member] = []
        self._hrefs: list[str] = []
        self._status = 200
        self._told: dict[str, str] = {}
        self._given: dict[str, str] = {}
        self._given_status = 0

    def takes(self, piece: bytes) -> list[Member]:
        """What is complete now. Raises NoMultistatus."""
        return self._parsed(piece, end=False)

    def ends(self) -> list[Member]:
        """What remained. Raises NoMultistatus where the document is not whole."""
        return self._parsed(b"", end=True)

    def _parsed(self, piece: bytes, *, end: bool) -> list[Member]:
        try:
            self._parser.Parse(piece, end)
        except (expat.ExpatError, ValueError, LookupError) as error:  # the last of an encoding that nobody has
            raise NoMultistatus from error
        found, self._found = self._found, []
        return found

    def _has_type(self, *_about: object) -> None:
        raise NoMultistatus

    def _begins(self, name: str, _attributes: dict[str, str]) -> None:
        if (not self._above and name != _ROOT) or len(self._above) >= DEEPEST:
            raise NoMultistatus
        if name == _RESPONSE:
            self._hrefs, self._status, self._told = [], 200, {}
        elif name == _PROPSTAT:
            self._given, self._given_status = {}, 0
        elif name == _TYPE:
            self._given.setdefault(_TYPE, "")
        elif name == _COLLECTION and self._above[-1] == _TYPE:
            self._given[_TYPE] = _COLLECTION
        self._above.append(name)
        if name in _TEXTS:
            self._text, self._length = [], 0

    def _says(self, text: str) -> None:
        if self._text is not None:
            self._length += len(text)
            if self._length > LONGEST:
                raise NoMultistatus
            self._text.append(text)

    def _ends(self, name: str) -> None:
        self._above.pop()
        text = "".join(self._text).strip() if self._text is not None else ""
        self._text = None
        inside = self._above[-1] if self._above else ""
        if name == _HREF and inside == _RESPONSE:
            self._hrefs.append(text)
        elif name == _STATUS and inside == _RESPONSE:
            self._status = _code(text)
        elif name == _STATUS and inside == _PROPSTAT:
            self._given_status = _code(text)
        elif name in _PROPERTIES:
            self._given[name] = text
        elif name == _PROPSTAT and self._given_status == 200:
            self._told.update(self._given)
        elif name == _RESPONSE and len(self._above) == 1:
            self._found += map(self._member, self._hrefs)

    def _member(self, href: str) -> Member:
        told = self._told
        kind = told.get(_TYPE)
        return Member(
            path_of(href),
            self._status,
            None if kind is None else kind == _COLLECTION,
            *(told.get(f"DAV: get{name}", "") for name in ("contentlength", "lastmodified", "etag")),
        )


def _code(line: str) -> int:
    found = _CODE.match(line)
    if found is None:
        raise NoMultistatus
    return int(found[1])
