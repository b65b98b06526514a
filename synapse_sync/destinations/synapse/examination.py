"""What `doctor` and the wizard ask of a server: who we are there, what collections it has, how files would go up.

Nothing is changed there: asking for an address to send a file to reserves it at most, and it is not used.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

from synapse_sync.destinations.base import Api, Project, Reached, Upload
from synapse_sync.destinations.synapse import listing, storages
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload.routes import Routes
from synapse_sync.errors import CollectionUnusable, DestinationError, Rejected, TokenRefused


class SynapseExamination:
    """See destinations.base.Examination; api is what registrations go through."""

    def __init__(self, transport: Transport, routes: Routes, api: Api) -> None:
        self._transport = transport
        self._routes = routes
        self._api = api

    @property
    def proxy(self) -> str:
        """The proxy that calls go through, without its password; "" for none."""
        return self._transport.proxy

    @property
    def skew(self) -> float | None:
        """Seconds that the server's clock is ahead of ours, by its latest answer."""
        return self._transport.skew if self._transport.answered else None

    def reach(self) -> Reached:
        """Make a connection to the server."""
        began = time.monotonic()
        with self._transport.connected() as made:
            took = time.monotonic() - began
            if not isinstance(made, ssl.SSLSocket):
                return Reached(took)
            ends = str((made.getpeercert() or {}).get("notAfter"))
            return Reached(took, made.version() or "TLS", ssl.cert_time_to_seconds(ends))

    def account(self) -> str:
        """Who we are there, in words; where the server tells no user, listing collections shows that it lets us in."""
        doing = "use the server with this token"
        try:
            answer = self._transport.call("GET", "users/me/", doing)
        except DestinationError as refused:
            if refused.status != 404 and not (isinstance(refused, TokenRefused) and refused.status == 403):
                raise
            self._transport.call("GET", "data_collections/", doing, query={"page_size": 1})
            return ""
        told = answer if isinstance(answer, Mapping) else {}
        return next((str(told[key]) for key in ("email", "username", "name") if told.get(key)), "")

    def collections(self) -> Iterator[tuple[int, str]]:
        """The data collections as the server lists them."""
        return listing.collections(self._transport, self._api)

    def project(self, number: int) -> Project:
        """A project."""
        try:
            answer = self._transport.call("GET", f"projects/{number}/", f"open project {number}")
        except (Rejected, TokenRefused) as refused:
            if refused.status not in (403, 404):
                raise
            hint = "check project of the feed, and that the token and tenant may read it"
            raise CollectionUnusable(refused.message, hint=hint, status=refused.status) from refused
        told: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
        return Project(str(told.get("title") or told.get("name") or ""), listing.about(told, "data_collection"))

    def storage(self) -> str:
        """The kind of the tenant's default storage; "" where the server does not tell it."""
        doing = "learn which storage there is"
        try:
            answer = self._transport.call("GET", "storages/", doing, query={"category": "internal"})
        except (Rejected, TokenRefused):
            return ""  # an administrator's view; files go there all the same
        rows = answer.get("results") if isinstance(answer, Mapping) else answer
        found = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        usual = [row for row in found if row.get("is_default")] or found[:1]
        return str(usual[0].get("provider") or "") if usual else ""

    def storage_name(self, number: int) -> str:
        """The name of one of the server's storages."""
        return storages.name_of(self._transport, number)

    def upload(self, collection: int) -> Upload:
        """How files would go up."""
        return self._routes.tried(collection)
