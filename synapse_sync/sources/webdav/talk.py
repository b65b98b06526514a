"""A WebDAV server's folders, in the way in which a walk asks for them (sources/remote_walk.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

import requests

from synapse_sync.errors import SourceUnavailable
from synapse_sync.shown import shown
from synapse_sync.sources.conversing import Entry
from synapse_sync.sources.conversing import Refused as FolderRefused
from synapse_sync.sources.web.addresses import name_in
from synapse_sync.sources.web.client import Client
from synapse_sync.sources.web.refusals import Refused, is_gone, refusal
from synapse_sync.sources.web.validators import observation
from synapse_sync.sources.webdav.multistatus import ASKED, Member, Multistatus, NoMultistatus

PIECE = 64 << 10  # bytes of a listing that are taken at once

MULTISTATUS = 207

_NO_DAV = "what answers is no WebDAV server, or not a whole answer"
_CORRECT = "correct path if it is always so (for Nextcloud: webdavs://HOST/remote.php/dav/files/USER); else it is "
_CORRECT += "tried again later"
_XML = 'application/xml; charset="utf-8"'


class Listing:
    """A folder whose listing comes. packed: whether it may come compressed."""

    def __init__(self, path: bytes, answer: requests.Response, *, packed: bool) -> None:
        self.path = path
        self._packed = packed
        self._answer = answer
        self._document = Multistatus()
        self._itself: Member | None = None

    def next(self) -> tuple[list[Entry], bool]:
        """Some of what is in it, and whether that is the end of it. Raises SourceUnavailable, and as requests does."""
        piece = self._answer.raw.read(PIECE, decode_content=self._packed)
        try:
            members = self._document.takes(piece) if piece else self._document.ends()
        except NoMultistatus as error:
            raise SourceUnavailable(self._where(_NO_DAV), hint=_CORRECT) from error
        found = list(self._entries(members))
        if not piece and self._itself is None:
            raise SourceUnavailable(
                self._where("the server lists another folder than it was asked for"),
                hint="write path as the server itself names it: a proxy in front of it may have another one",
            )
        return found, not piece

    def whole(self) -> tuple[Member, list[Entry]]:
        """Itself, and all that is in it."""
        found, end = self.next()
        while not end:
            more, end = self.next()
            found += more
        assert self._itself is not None
        return self._itself, found

    def close(self) -> None:
        """Let go of it; its connection is used again where it was read to its end."""
        self._answer.close()

    def _entries(self, members: list[Member]) -> Iterator[Entry]:
        for member in members:
            name = name_in(self.path, member.path)
            if name == b"":
                self._is_itself(member)
            else:
                yield Entry(member.path, "nameless") if name is None else entry_of(name, member)

    def _is_itself(self, member: Member) -> None:
        if member.status >= 300:
            raise Refused(member.status)  # 507: it is cut short, though it has a proper end (RFC 5323)
        self._itself = member

    def _where(self, what: str) -> str:
        return f"{what} ({shown(self.path)})"


class Talk:
    """Implements sources.conversing.Folders. count: called for each request."""

    def __init__(self, client: Client, root: bytes, count: Callable[[], None]) -> None:
        self._client = client
        self._root = root
        self._count = count

    def look(self, path: bytes, *, follow: bool) -> Entry:  # noqa: ARG002 - links are the server's affair
        """What stands there."""
        try:
            return self.looked(path)
        except Refused as error:
            self._refuse(path, error)

    def looked(self, path: bytes) -> Entry:
        """What stands there; refusals as the server gives them."""
        listing = self._asked(path.rstrip(b"/") + b"/" if path == self._root else path, "0")
        try:
            member, _ = listing.whole()
        finally:
            listing.close()
        return entry_of(path.rpartition(b"/")[2], member)

    def real_path(self, path: bytes) -> bytes:
        """As it is: links are the server's affair."""
        return path

    def open_folder(self, path: bytes) -> Listing:
        """A folder's listing."""
        try:
            return self._asked(path.rstrip(b"/") + b"/", "1")
        except Refused as error:
            self._refuse(path, error)

    def entries(self, handle: Listing, requests: int) -> tuple[list[Entry], bool]:
        """What comes next of it."""
        found: list[Entry] = []
        end = False
        try:
            while requests and not end:
                more, end = handle.next()
                found += more
                requests -= 1
        except Refused as error:
            self._refuse(handle.path, error)
        return found, end

    def close(self, handle: Listing) -> None:
        """Let go of a listing."""
        handle.close()

    def _asked(self, path: bytes, depth: str) -> Listing:
        self._count()
        packed = depth != "0"  # what Apache tells of x.gz it calls gzip, which it is not
        headers = {"Content-Type": _XML, "Depth": depth, "Accept-Encoding": "gzip" if packed else "identity"}
        answer = self._client.opened(path, "PROPFIND", headers, ASKED, wanted=(MULTISTATUS,))
        return Listing(path, answer, packed=packed)

    def _refuse(self, path: bytes, error: Refused) -> NoReturn:
        """In the words of a walk, which knows what to make of a folder that is gone."""
        why = refusal(error)
        if is_gone(error) or error.status == 403:
            raise FolderRefused(why.what, gone=is_gone(error), denied=error.status == 403, hint=why.hint) from error
        if error.status in (200, 204, 400, 405, 501):
            raise SourceUnavailable(_NO_DAV, hint=_CORRECT) from error
        where = "" if path.rstrip(b"/") == self._root.rstrip(b"/") else f"{shown(path)}: "
        raise SourceUnavailable(where + why.what, hint=why.hint) from error


def entry_of(name: bytes, member: Member) -> Entry:
    """What a member is: "unsaid" where the server does not tell what a file needs, "nameless" if nobody could ask."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return Entry(name, "nameless")
    if member.status >= 300:
        return Entry(name, "unsaid")
    if member.folder:
        return Entry(name, "folder")
    observed = observation(member.size, member.modified, member.etag)
    return Entry(name, "unsaid") if observed is None or member.folder is None else Entry(name, "file", observed)
