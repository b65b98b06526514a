"""Requests to one web server, below one address of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import quote, urlsplit

import requests

from synapse_sync.config import Host, Remote
from synapse_sync.grants import NO_SECRETS, Grant
from synapse_sync.sources.http_asking import Asking
from synapse_sync.sources.web.login import Login
from synapse_sync.sources.web.refusals import Refused, is_gone, refused


def connect(scheme: str, host: Host, access: Remote, grant: Grant | None = None) -> Client:
    """A client; sends nothing. scheme: http or https. Raises SourceUnavailable where a secret that is named is none."""
    name = f"[{host.name}]" if ":" in host.name else host.name
    granted = NO_SECRETS if grant is None else grant.secrets(connecting=True)
    login = Login(host.user or access.user, access, granted)
    return Client(f"{scheme}://{name}{f':{host.port}' if host.port else ''}", Asking(access, refused), login)


class Client:
    """For several threads."""

    def __init__(self, server: str, asking: Asking, login: Login) -> None:
        self._server = server
        self.place = server.partition("://")[2]
        """The server's name, and its port where it is named."""
        self._asking = asking
        self._login = login

    def opened(
        self,
        path: bytes,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        wanted: Collection[int] = (200, 206),
    ) -> requests.Response:
        """The answer about what is at a path, an absolute one; nothing of it is read yet.

        It comes as it is stored, unless the headers say otherwise. Raises as refusals.failures() has it; a folder that
        the server knows and has nothing of is denied: so says Python's of one that it may not list.
        """
        asked = path
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        while True:
            signs = self._login.signs
            address = self._server + quote(path, safe="/")
            try:
                return self._asking.opened(address, signs=signs, headers=sent, method=method, body=body, wanted=wanted)
            except Refused as error:
                error.logged_in = self._login.somebody
                if error.status == 401 and self._login.learns(signs, error.challenge):
                    continue
                if path != asked and is_gone(error):
                    error.status = 403
                if not _is_its_folder(address, error):
                    raise
                path += b"/"

    def head(self, path: bytes) -> requests.Response:
        """What is said of the file at a path, and nothing of it; raises as opened() does."""
        with self.opened(path, "HEAD", wanted=(200,)) as answer:
            answer.raw.read()  # the end of nothing: only then its connection is used again
        return answer

    def close(self) -> None:
        """Close the connections that nothing is read from."""
        self._asking.close()


def _is_its_folder(address: str, error: Refused) -> bool:
    """Whether the server sends to the same address with a slash behind, which means that a folder is there."""
    if error.status not in (301, 302, 307, 308) or address.endswith("/"):
        return False
    try:
        return urlsplit(error.moved_to).path == urlsplit(address).path + "/"
    except ValueError:
        return False
