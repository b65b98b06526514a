"""Which API a server speaks: asked once, for `api = "auto"`."""

from __future__ import annotations

from synapse_sync.destinations.synapse.http.errors import unclear
from synapse_sync.destinations.synapse.http.pages import page_in
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.errors import DestinationError, Rejected


def speaks_v2(transport: Transport) -> bool:
    """Whether the server has v2.

    Only a list says yes, only a 404 in Synapse's own error form says no: a proxy's page, a refused token or a server in
    trouble say nothing of it, and are raised as the DestinationError that they are.
    """
    doing = "ask whether the server speaks v2"
    try:
        if page_in(transport.call("GET", "v2/data-collections/", doing, query={"per_page": 1})) is None:
            raise unclear(doing, "the answer is no list", change=False)
    except DestinationError as refused:
        if isinstance(refused, Rejected) and refused.status == 404:
            return False
        refused.hint += '; server.api = "v1" or "v2" says it without asking'
        raise
    return True
