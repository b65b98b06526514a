"""The storage behind presigned URLs: connections of their own, which never carry an API header (protocol §1, §4.4).

A presigned URL is a secret: it appears in no error.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from synapse_sync.destinations.synapse.http.calls import Kind
from synapse_sync.destinations.synapse.http.connect import named_bundle, trusting
from synapse_sync.destinations.synapse.http.errors import Answer, broken, refused_by_storage, try_later
from synapse_sync.destinations.synapse.http.streams import Streams
from synapse_sync.destinations.synapse.http.throttle import Throttle
from synapse_sync.errors import DestinationError
from synapse_sync.loopback import is_loopback

PUT = Kind(answer=300, stall=30)
"""A PUT may be repeated until its URL expires: the same object is written again (protocol §4.4)."""

_ONE_TRY = Retry(False)
_IN_URLS = "%/:?#[]@!$&'()*+,;=~"  # what has its meaning in a URL, or is encoded already (RFC 3986)


class Target(NamedTuple):
    """A presigned URL as a request needs it: where to connect, the Host header, and what is asked for (a secret)."""

    origin: str
    host: str
    path: str


class Storage:
    """PUTs to presigned URLs, from any number of threads."""

    def __init__(self, ca_bundle: str | None, connections: int, throttle: Throttle, streams: Streams) -> None:
        self._ca_bundle = ca_bundle
        self._connections = connections
        self._throttle, self._streams = throttle, streams
        self._tags_are_md5 = False
        self._managers: dict[str, PoolManager] = {}
        self._proxies: dict[str, str] = {}  # by origin
        self._lock = threading.Lock()

    def put(self, url: str, length: int, pieces: Iterable[bytes], doing: str) -> str:
        """Send the body of one object or part; its ETag, verbatim.

        Raises Busy with scope "call" for whatever went wrong: with another URL, or later, it may go; and what `pieces`
        raises.
        """
        target = target_of(url, doing)
        with self._streams.turn(length):
            return etag(self._sent(target, length, pieces, doing), doing)

    def _sent(self, target: Target, length: int, pieces: Iterable[bytes], doing: str) -> Answer:
        try:
            response = self._manager(target.origin).urlopen(
                "PUT",
                target.origin + target.path,
                body=self._throttle.paced(pieces),
                headers={"Content-Length": str(length)},
                retries=_ONE_TRY,
                redirect=False,
                timeout=Timeout(connect=PUT.stall, read=PUT.answer),
            )
        except HTTPError as cause:
            raise in_one_call(broken(_without(target.path, cause), doing, change=False), doing) from None
        return Answer(response.status, response.headers, response.data)

    def compare(self, tag: str, md5: str, doing: str) -> None:
        """Hold an ETag against the MD5 of what was sent. Raises Busy with scope "call" where other bytes arrived.

        An ETag may look like an MD5 and be none (encrypted buckets): it counts where earlier ones were (protocol §4.4).
        """
        if md5_in(tag) == md5:
            self._tags_are_md5 = True
        elif self._tags_are_md5 and md5_in(tag):
            raise try_later(doing, "the storage received other bytes than were sent")

    def has_lanes(self, origin: str) -> bool:
        """Whether this storage may be reached directly."""
        return not self._proxy(origin)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """What storages are trusted by: public certificates, and beside them those that the server is trusted by."""
        context = trusting(DEFAULT_CA_BUNDLE_PATH)
        if named := named_bundle(self._ca_bundle):
            context.load_verify_locations(**{"capath" if os.path.isdir(named) else "cafile": named})
        return context

    def _manager(self, origin: str) -> PoolManager:
        proxy = self._proxy(origin)
        with self._lock:
            if proxy not in self._managers:
                if proxy:  # requests' adapter knows what one needs: the password in its URL, SOCKS
                    adapter = HTTPAdapter(pool_maxsize=self._connections)
                    self._managers[proxy] = adapter.proxy_manager_for(proxy, ssl_context=self.tls)
                else:
                    self._managers[proxy] = PoolManager(maxsize=self._connections, ssl_context=self.tls)
            return self._managers[proxy]

    def _proxy(self, origin: str) -> str:
        if origin not in self._proxies:
            here = is_loopback(urlsplit(origin).hostname or "")
            self._proxies[origin] = "" if here else select_proxy(origin, get_environ_proxies(origin)) or ""
        return self._proxies[origin]


def target_of(url: str, doing: str) -> Target:
    """What a presigned URL leads to. Raises Busy with scope "call" for what is no URL."""
    try:
        parts = urlsplit(quote(url, safe=_IN_URLS))
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        host = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        host = None
    if not host or "%" in host or parts.scheme not in ("http", "https"):
        raise try_later(doing, "what the server issued is no URL of a storage")
    target = parts._replace(scheme="", netloc="", fragment="").geturl()
    return Target(f"{parts.scheme}://{host}", host, target if target.startswith("/") else f"/{target}")


def etag(answer: Answer, doing: str) -> str:
    """The ETag of a storage's answer, verbatim with its quotes. Raises Busy with scope "call"."""
    if not 200 <= answer.status < 300:
        raise refused_by_storage(answer, doing)
    tag = answer.headers.get("ETag", "")
    if not tag.strip('"'):
        raise try_later(doing, "the storage answered without an ETag")
    return tag


def in_one_call(error: DestinationError, doing: str) -> DestinationError:
    """A storage's trouble as that of one call: the server itself, and other files, may be well."""
    if error.scope == "destination":
        said = error.message.removeprefix(f"could not {doing}: ")
        later = try_later(doing, f"the storage: {said}")
        later.hint = 'tried again by itself; if it stays so, route = "direct" below [upload] goes around the storage'
        return later
    return error


def md5_in(tag: str) -> str:
    """The MD5 that an ETag holds, as far as its shape tells; "" where it is none."""
    bare = tag.strip('"').lower()
    return bare if len(bare) == 32 and set(bare) <= _HEX else ""


_HEX = frozenset("0123456789abcdef")


def _without(target: str, cause: HTTPError) -> Exception:
    """The same failure, should its words hold the URL's secret part."""
    secret = target.partition("?")[2]
    return HTTPError(type(cause).__name__) if secret and secret in str(cause) else cause
