"""One HTTP call to the backend: address, credentials, time-outs; an answer's JSON comes out, or a DestinationError.

requests builds the connection pool (TLS, CA bundle, proxies); calls go straight to that pool, urllib3's own interface.
Measured against a server on the same machine, an upload of 9 KB costs half the CPU time that way; and what protocol §1
warns of (redirects that take the token along, .netrc, cookies) and hidden retries are simply not there.
There is one try per call: repeating is the runner's.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, Retry, Timeout
from urllib3.exceptions import HTTPError

from synapse_sync import __version__
from synapse_sync.destinations.synapse.http.address import Address
from synapse_sync.destinations.synapse.http.breaker import Breaker
from synapse_sync.destinations.synapse.http.calls import CONTROL, LISTING, Body, Kind, json_body
from synapse_sync.destinations.synapse.http.connect import Connector, named_bundle, trusting
from synapse_sync.destinations.synapse.http.errors import Answer, broken, refused, unclear
from synapse_sync.destinations.synapse.http.lanes import Lanes, Request, Room
from synapse_sync.destinations.synapse.http.pages import Page, page_in
from synapse_sync.destinations.synapse.http.streams import Streams
from synapse_sync.destinations.synapse.http.throttle import Throttle
from synapse_sync.destinations.synapse.http.words import parse
from synapse_sync.errors import ConfigError, CredentialsError, DestinationError
from synapse_sync.loopback import is_loopback

_ONE_TRY = Retry(False)


class Transport:
    """Calls to one server with one token and tenant, from any number of threads.

    skew: seconds that the server's clock is ahead of ours, by the latest answer. answered: whether there was one.
    """

    def __init__(
        self,
        address: Address,
        token: str,
        tenant: str = "",
        *,
        ca_bundle: str | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 15.0,
        connections: int = 8,
        throttle: Throttle,
        streams: Streams,
    ) -> None:
        self.skew = 0.0
        self.answered = False
        self._address = address
        self._tenant = tenant
        self._breaker = Breaker()
        self._throttle, self._streams = throttle, streams
        self.use(token)
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._certificates = _certificates(ca_bundle)
        this_machine = is_loopback(urlsplit(address.base).hostname or "")  # a proxy elsewhere can't reach it
        self._proxies = {} if this_machine else get_environ_proxies(address.base)
        self._proxy = select_proxy(address.base, self._proxies) or ""
        plain_proxy = bool(self._proxy) and address.base.startswith("http:") and not self._proxy.startswith("socks")
        self._prefix = address.base if plain_proxy else address.path
        self._connector = Connector(address.base, lambda: trusting(self._certificates))
        self._adapter, self._pool = self._connections(connections)

    def call(
        self,
        method: str,
        path: str,
        doing: str,
        kind: Kind = CONTROL,
        *,
        body: Body | None = None,
        data: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON of the answer, without v2's envelope; None where the answer is empty.

        `path` is relative to the server ("v2/…" for v2) and ends with "/"; `doing` completes "could not …" in errors;
        `data` is sent as JSON, `body` as it is. Raises a DestinationError, and whatever body.pieces raises.
        """
        turn: AbstractContextManager[None] = nullcontext()
        if data is not None:
            body = json_body(data, doing)
        elif body is not None:
            body = body._replace(pieces=self._throttle.paced(body.pieces))
            turn = self._streams.turn(body.length)
        with turn:
            value = self._asked(method, path, doing, kind, body, query, headers)
        if path.startswith("v2/") and isinstance(value, dict) and {"data", "meta"} <= value.keys():
            return value["data"]
        return value

    def pages(self, path: str, doing: str, query: Mapping[str, Any]) -> Iterator[Page]:
        """A list, page by page as the server hands it out (protocol §2.5). Raises DestinationError."""
        asked: Mapping[str, Any] | None = query
        while asked is not None:
            page = page_in(self._asked("GET", path, doing, LISTING, None, asked, None))
            if page is None:
                raise unclear(doing, "the answer is no list", change=False)
            yield page
            asked = {**query, **page.following} if page.following else None

    def value(self, answer: Answer, doing: str, kind: Kind) -> Any:
        """The JSON of an answer; None where it is empty. Raises DestinationError."""
        self._set_clock(answer)
        if not 200 <= answer.status < 300:
            raise refused(answer._replace(body=self._redacted(answer.body)), doing, change=kind.change)
        if not answer.body:
            return None
        value = parse(answer.body)
        if value is None:
            raise unclear(doing, "the answer is not JSON", change=kind.change, status=answer.status)
        return value

    def use(self, token: str) -> None:
        """Send this token from now on. Raises CredentialsError for what can't be one."""
        headers = {"v1": _headers(token, self._tenant, "Token "), "v2": _headers(token, self._tenant, "")}
        self.token, self._secret, self._headers = token, token.encode(), headers

    @property
    def proxy(self) -> str:
        """The proxy that calls go through, without the password that its address may hold; "" for none."""
        parts = urlsplit(self._proxy)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def has_lanes(self) -> bool:
        """Whether lanes() can be had: only where no proxy stands between."""
        return not self._proxy

    def connected(self) -> socket.socket:
        """A connection to the server that is used for nothing yet. Raises Unreachable."""
        return self._connector.connect(self._connect_timeout)

    def lanes(self, room: Room, kind: Kind) -> Lanes[Any]:
        """Connections for many short calls at once; their requests are made by request()."""
        patient = kind._replace(
            answer=max(self._read_timeout, kind.answer), stall=max(self._connect_timeout, kind.stall)
        )
        return Lanes(lambda _origin: self.connected(), room, self._throttle, patient)

    def request(self, method: str, path: str, doing: str, content_type: str, body: bytes) -> Request:
        """One call of v1 as the lanes take it."""
        headers = [
            ("Host", self._address.host), *self._headers["v1"].items(),
            ("Accept-Encoding", "identity"), ("Content-Type", content_type), ("Content-Length", str(len(body))),
        ]  # fmt: skip
        return Request(doing, method, f"{self._prefix}/{path}", headers, body)

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _asked(
        self,
        method: str,
        path: str,
        doing: str,
        kind: Kind,
        body: Body | None,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Any:
        """The JSON of the answer to one call, unless the server is given time to come back."""
        sent = {**self._headers["v2" if path.startswith("v2/") else "v1"], **(headers or {})}
        if body is not None:
            sent |= {"Content-Type": body.content_type, "Content-Length": str(body.length)}
        target = f"{self._prefix}/{path}" + (f"?{urlencode(query)}" if query else "")
        self._breaker.check(doing)
        try:
            value = self.value(self._send(method, target, doing, kind, body, sent), doing, kind)
        except DestinationError as error:
            self._breaker.failed(error)
            raise
        self._breaker.succeeded()
        return value

    def _set_clock(self, answer: Answer) -> None:
        with suppress(ValueError):
            self.skew = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp() - time.time()
            self.answered = True

    def _send(
        self, method: str, target: str, doing: str, kind: Kind, body: Body | None, headers: Mapping[str, str]
    ) -> Answer:
        """One request on a connection of the pool, or on a new one that is closed afterwards."""
        adapter, pool = self._connections(1) if kind.fresh else (self._adapter, self._pool)
        try:
            response = pool.urlopen(
                method,
                target,
                body=body.pieces if body is not None else None,
                headers=headers,
                retries=_ONE_TRY,
                redirect=False,
                assert_same_host=False,
                timeout=Timeout(
                    connect=max(self._connect_timeout, kind.stall), read=max(self._read_timeout, kind.answer)
                ),
            )
        except HTTPError as cause:
            raise broken(cause, doing, change=kind.change) from cause
        finally:
            if kind.fresh:
                adapter.close()
        return Answer(response.status, response.headers, response.data)

    def _connections(self, size: int) -> tuple[HTTPAdapter, HTTPConnectionPool]:
        """A pool that keeps up to `size` connections to the server open, and the adapter that closes it."""
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=size)
        request = requests.Request("GET", self._address.base).prepare()
        pool = adapter.get_connection_with_tls_context(request, self._certificates, self._proxies)
        assert isinstance(pool, HTTPConnectionPool)
        return adapter, pool

    def _redacted(self, body: bytes) -> bytes:
        """An error body without the token, which a server may quote."""
        return body.replace(self._secret, b"***")


def _headers(token: str, tenant: str, word: str) -> dict[str, str]:
    """The headers of every call to one API (protocol §1); `word` stands before the credentials on v1."""
    if not token or not all("!" <= character <= "~" for character in token):
        raise CredentialsError(
            "the access token is empty or has characters that no token has", hint="run synapse-sync login"
        )
    if not all("!" <= character <= "~" for character in tenant):
        raise ConfigError("server.tenant has characters that no tenant code has")
    headers = {
        "Synapse-Access-Token": word + token,
        "User-Agent": f"synapse-sync/{__version__}",
        "Accept": "application/json",
    }
    return headers | {"Synapse-Tenant": word + tenant} if tenant else headers


def _certificates(ca_bundle: str | None) -> str:
    """The CA bundle that is named, else requests' own."""
    named = named_bundle(ca_bundle)
    if named and not os.path.exists(named):
        raise ConfigError(f"the CA bundle {named} does not exist", hint="check server.ca_bundle and REQUESTS_CA_BUNDLE")
    return named or DEFAULT_CA_BUNDLE_PATH
