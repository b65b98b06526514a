"""A web server's page about a folder, and what it leads to, piece by piece as it comes. Pure.

It is such a page only if its title says so, and of the folder that was asked for; and it is whole only with its end.
What else comes in its place (a login, an error, a site's own page) is no folder, and above all no empty one.
"""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from synapse_sync.sources.web.addresses import name_in

LONGEST = 4096  # characters of what is told beside a link
LARGEST = 256 << 10  # characters of a tag

_TITLE = re.compile(r"(?:index of|directory listing for)\s(.*)", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class NoIndex(Exception):
    """What comes is no list of a folder, or not a whole one."""


class Link(NamedTuple):
    """What a page leads to. line: what it tells beside the name, which is another one after most changes."""

    name: bytes
    folder: bool
    line: str


class IndexPage(HTMLParser):
    """Takes the page in pieces, and gives what each of them completes. folder: its path there; server: "host:port"."""

    def __init__(self, folder: bytes, server: str, *, whole_path: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._folder = folder.rstrip(b"/")
        self._server = server.lower()
        self._whole_path = whole_path
        self._text = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._title: str | None = None
        self._is_index = False
        self._ended = False
        self._href = ""
        self._line: list[str] = []
        self._in_link = False
        self._length = 0
        self._found: list[Link] = []

    def takes(self, piece: bytes) -> list[Link]:
        """What is complete now. Raises NoIndex."""
        self._feed(self._text.decode(piece))
        if len(self.rawdata) > LARGEST:  # it waits for the end of something
            raise NoIndex
        return self._complete()

    def ends(self) -> list[Link]:
        """What remained. Raises NoIndex."""
        self._feed(self._text.decode(b"", final=True), end=True)
        self._leave()
        if not self._is_index or not self._ended:
            raise NoIndex
        return self._complete()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A title, or a link."""
        if tag == "title" and not self._is_index:
            self._title = ""
        elif tag == "base":
            raise NoIndex  # its links would lead elsewhere
        elif tag == "a":
            href = next((value or "" for name, value in attrs if name == "href"), "")
            if href:
                self._link(href)

    def handle_endtag(self, tag: str) -> None:
        """The end of one, or of all."""
        if tag == "title" and self._title is not None:
            self._is_index = self._is_index or self._is_of_folder(self._title)
            self._title = None
        elif tag == "a":
            self._in_link = False
        elif tag == "html":
            self._ended = True

    def handle_data(self, data: str) -> None:
        """What stands there."""
        if self._title is not None:
            self._title += data[:LONGEST]
        elif self._href and not self._in_link and self._length < LONGEST:
            self._length += len(data)
            self._line.append(data)

    def _feed(self, text: str, *, end: bool = False) -> None:
        try:
            self.feed(text)
            if end:
                self.close()
        except AssertionError as error:  # of a markup that it does not know
            raise NoIndex from error

    def _link(self, href: str) -> None:
        if not self._is_index:
            raise NoIndex
        if href != self._href:  # an icon may lead to the same
            self._leave()
            self._href = href
        self._in_link = True

    def _leave(self) -> None:
        name = self._name(self._href)
        if name:
            self._found.append(Link(name, self._href.endswith("/"), " ".join("".join(self._line).split())))
        self._href, self._line, self._length = "", [], 0

    def _name(self, href: str) -> bytes | None:
        """What a link leads to in this folder: no link to its parent, to another place or order, or within a page."""
        if not href or "?" in href or "#" in href:
            return None
        if href.startswith("//") or _SCHEME.match(href):
            try:
                parts = urlsplit(href)
            except ValueError:
                return None
            if parts.scheme not in ("", "http", "https") or parts.netloc.lower() != self._server:
                return None
            href = parts.path
        path = unquote_to_bytes(_bytes(href))
        if path.startswith(b"/"):
            return name_in(self._folder, path.removesuffix(b"/"))
        name = path.removeprefix(b"./").removesuffix(b"/")
        return None if name in (b"", b".", b"..") or name.startswith(b"../") else name

    def _is_of_folder(self, title: str) -> bool:
        """Whether the title is that of the folder; of the topmost, a proxy may have another name than its server."""
        found = _TITLE.match(title.strip())
        if found is None:
            return False
        told = _bytes(found[1]).strip().rstrip(b"/").rpartition(b"/")[2]
        return not self._whole_path or b"\xef\xbf\xbd" in told or told == self._folder.rpartition(b"/")[2].strip()

    def _complete(self) -> list[Link]:
        found, self._found = self._found, []
        return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
