"""What a request over HTTP that got no answer means in words, and what to do about it."""

from __future__ import annotations

import requests
from urllib3.exceptions import NameResolutionError, ProtocolError, ReadTimeoutError

from synapse_sync.sources.refusals import Refusal

LATER = "it is tried again later"
REACH = "see that it runs, and that this machine may reach it"
UNKNOWN = Refusal("its name is not known", "correct endpoint_url, or this machine's name service")
_CONNECTIONS: tuple[tuple[type[Exception], Refusal], ...] = (
    (
        requests.exceptions.SSLError,
        Refusal("its certificate is not trusted", "name the certificates to trust with ca_bundle in [feeds.remote]"),
    ),
    (requests.exceptions.ProxyError, Refusal("the proxy can't be reached", "see HTTPS_PROXY and HTTP_PROXY")),
    (requests.exceptions.ConnectTimeout, Refusal("it does not answer", REACH)),
    (requests.exceptions.ReadTimeout, Refusal("it stopped answering", LATER)),
    (ReadTimeoutError, Refusal("it stopped answering", LATER)),
    (NameResolutionError, UNKNOWN),
    (requests.exceptions.ChunkedEncodingError, Refusal("its answer breaks off", LATER)),
    (requests.exceptions.ConnectionError, Refusal("it can't be reached", REACH)),
    (ProtocolError, Refusal("its answer breaks off", LATER)),
)


def of_connection(error: Exception) -> Refusal:
    """What an error of requests or urllib3 means. Their own words are not repeated: a URL may stand in them."""
    # requests calls all that failed after several attempts a connection; what it was, urllib3 says.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    for kind, means in _CONNECTIONS:
        if isinstance(error, kind) or isinstance(reason, kind):
            return means
    return Refusal(f"the connection failed: {type(error).__name__}", LATER)
