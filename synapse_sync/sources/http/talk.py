"""A web server's lists of folders, in the way in which a walk asks for them (sources/remote_walk.py)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, NoReturn

import requests

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Observation
from synapse_sync.shown import shown
from synapse_sync.sources.conversing import Entry
from synapse_sync.sources.conversing import Refused as FolderRefused
from synapse_sync.sources.http.known import Known, may_be_kept
from synapse_sync.sources.http.pages import IndexPage, Link, NoIndex
from synapse_sync.sources.http.rows import Rows
from synapse_sync.sources.web.client import Client
from synapse_sync.sources.web.refusals import Refused, is_gone, refusal
from synapse_sync.sources.web.validators import observation

PIECE = 64 << 10  # bytes of a list that are taken at once

AT_ONCE = 8
"""Files that are asked for at the same time."""

_NO_INDEX = "what the server sends is no list of a folder, or not a whole one"
_LIST = "have the server list its folders (nginx: autoindex on; Apache: Options +Indexes), without an index.html that "
_LIST += "stands in their place; or correct path"
_HEADERS = {"Accept": "application/json, text/html;q=0.9", "Accept-Encoding": "gzip"}
_UNREAD = Observation(0, 0, 0, "")  # of a file that the filters leave out


class Wanted(NamedTuple):
    """What a listing asks with. tally: called for each request.

    keeps: whether the filters take a file, by its folder and name below `root`.
    """

    client: Client
    root: bytes
    keeps: Callable[[bytes, bytes], bool]
    tally: Callable[[], None]
    known: Known


class Listing:
    """A folder whose list comes, and those who ask for its files."""

    def __init__(self, path: bytes, answer: requests.Response, parser: IndexPage | Rows) -> None:
        self.path = path
        self._answer = answer
        self._parser = parser
        self.askers = ThreadPoolExecutor(AT_ONCE)

    def next(self) -> tuple[list[Entry | Link], bool]:
        """Some of what is in it, and whether that is the end of it. Raises SourceUnavailable, and as requests does."""
        piece = self._answer.raw.read(PIECE, decode_content=True)
        try:
            return [*(self._parser.takes(piece) if piece else self._parser.ends())], not piece
        except NoIndex as error:
            raise SourceUnavailable(f"{_NO_INDEX} ({shown(self.path)})", hint=_LIST) from error

    def close(self) -> None:
        """Let go of it; its connection is used again where it was read to its end."""
        self.askers.shutdown(cancel_futures=True)
        self._answer.close()


class Talk:
    """Implements sources.conversing.Folders."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def look(self, path: bytes, *, follow: bool) -> Entry:  # noqa: ARG002 - links are the server's affair
        """What stands there; of the root, its list tells."""
        name = path.rpartition(b"/")[2]
        if path == self._wanted.root:
            return Entry(name, "unsaid")
        self._wanted.tally()
        try:
            return self._asked(path, name, "")
        except Refused as error:
            self._refuse(path, error)

    def real_path(self, path: bytes) -> bytes:
        """As it is: links are the server's affair."""
        return path

    def open_folder(self, path: bytes) -> Listing:
        """A folder's list."""
        folder = path.rstrip(b"/") + b"/"
        self._wanted.tally()
        try:
            answer = self._wanted.client.opened(folder, headers=_HEADERS, wanted=(200,))
        except Refused as error:
            self._refuse(path, error)
        told = answer.headers
        if told.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            return Listing(folder, answer, Rows(told.get("server", "")))
        is_root = path == self._wanted.root
        return Listing(folder, answer, IndexPage(folder, self._wanted.client.place, whole_path=not is_root))

    def entries(self, handle: Listing, requests: int) -> tuple[list[Entry], bool]:
        """What comes next of it; files of which it tells too little are asked for, some of them at once."""
        found: list[Entry] = []
        end = False
        while requests and not end:
            more, end = handle.next()
            found += self._resolved(handle, more)
            requests -= 1
        return found, end

    def close(self, handle: Listing) -> None:
        """Let go of a list."""
        handle.close()

    def _resolved(self, handle: Listing, found: list[Entry | Link]) -> list[Entry]:
        below = handle.path[len(self._wanted.root.rstrip(b"/")) + 1 :].rstrip(b"/")
        entries: list[Entry] = []
        unknown: list[Link] = []
        for one in found:
            entry = one if isinstance(one, Entry) else self._told(handle.path, below, one)
            if entry is None:
                assert isinstance(one, Link)
                unknown.append(one)
            else:
                entries.append(entry if _has_name(entry.name) else Entry(entry.name, "nameless"))
        for _ in unknown:
            self._wanted.tally()
        return entries + list(handle.askers.map(partial(self._of_file, handle.path), unknown))

    def _told(self, folder: bytes, below: bytes, link: Link) -> Entry | None:
        """What a link is, as far as that is known without asking."""
        if not _has_name(link.name):
            return Entry(link.name, "nameless")
        if link.folder:
            return Entry(link.name, "folder")
        if not self._wanted.keeps(below, link.name):
            return Entry(link.name, "file", _UNREAD)
        observed = self._wanted.known.get(folder + link.name, link.line)
        return None if observed is None else Entry(link.name, "file", observed)

    def _of_file(self, folder: bytes, link: Link) -> Entry:
        """What a file is."""
        path = folder + link.name
        try:
            return self._asked(path, link.name, link.line)
        except Refused as error:
            if is_gone(error):  # so says Python's server also of a file that it may not read
                return Entry(link.name, "withheld")
            why = refusal(error)
            hint = why.hint if error.status != 403 else "allow it to be read, or leave it out with exclude"
            raise SourceUnavailable(f"{shown(path)}: {why.what}", hint=hint) from error

    def _asked(self, path: bytes, name: bytes, line: str) -> Entry:
        """What stands there; refusals as the server gives them."""
        answer = self._wanted.client.head(path)
        told = answer.headers
        if str(answer.url).endswith("/"):
            return Entry(name, "folder")
        observed = observation(told.get("content-length", ""), told.get("last-modified", ""), told.get("etag", ""))
        if observed is None:
            return Entry(name, "unsaid")
        if may_be_kept(line, observed, told):
            self._wanted.known.put(path, line, observed)
        return Entry(name, "file", observed)

    def _refuse(self, path: bytes, error: Refused) -> NoReturn:
        """In the words of a walk, which knows what to make of a folder that is gone."""
        why = refusal(error)
        if is_gone(error) or error.status == 403:
            raise FolderRefused(why.what, gone=is_gone(error), denied=error.status == 403, hint=why.hint) from error
        where = "" if path == self._wanted.root else f"{shown(path)}: "
        raise SourceUnavailable(where + why.what, hint=why.hint) from error


def _has_name(name: bytes) -> bool:
    """Whether a file can have it."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return bool(name) and b"/" not in name and b"\0" not in name
