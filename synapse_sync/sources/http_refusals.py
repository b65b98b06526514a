"""What it means in words that a service can't be asked over HTTP, whatever the kind of service."""

from __future__ import annotations

import ssl

import requests
from urllib3.exceptions import HTTPError, NameResolutionError, ProtocolError, ReadTimeoutError

from synapse_sync.sources.refusals import Refusal

LATER = "it is tried again later"
REACH = "see that it runs, and that this machine may reach it"
_NO_TLS = Refusal("it does not speak TLS", "correct {}: another port, or an address without TLS")
_TRUST = "name the certificates to trust with ca_bundle in [feeds.remote]"
_CONNECTIONS: tuple[tuple[type[Exception], Refusal], ...] = (
    (requests.exceptions.SSLError, _NO_TLS),
    (requests.exceptions.ProxyError, Refusal("the proxy can't be reached", "see HTTPS_PROXY and HTTP_PROXY")),
    (requests.exceptions.ConnectTimeout, Refusal("it does not answer", REACH)),
    (ReadTimeoutError, Refusal("it stopped answering", LATER)),
    (requests.exceptions.ReadTimeout, Refusal("it stopped answering", LATER)),
    (NameResolutionError, Refusal("its name is not known", "correct {}, or this machine's name service")),
    (requests.exceptions.ChunkedEncodingError, Refusal("its answer breaks off", LATER)),
    (ProtocolError, Refusal("its answer breaks off", LATER)),
    (requests.exceptions.ConnectionError, Refusal("it can't be reached", REACH)),
)


def unconnected(error: Exception, named_by: str) -> Refusal | None:
    """What failed of a connection; None for what is no failure of one. named_by: the setting that has the address."""
    # requests calls all that failed after several attempts a connection; what it was, urllib3 says.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    found = next((means for kind, means in _CONNECTIONS if isinstance(error, kind) or isinstance(reason, kind)), None)
    if found is _NO_TLS and (why := _of_certificate(reason)):
        return Refusal(f"its certificate is not trusted: {why}", _TRUST)
    return found and found._replace(hint=found.hint.format(named_by))


def _of_certificate(reason: object) -> str:
    """Why a certificate is not believed; "" where it is not that."""
    cause = reason.args[0] if isinstance(reason, HTTPError) and reason.args else None
    return cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else ""


def other(error: Exception) -> Refusal:
    """What nothing more is known of. Its words may hold anything, and are not repeated."""
    return Refusal(f"the connection failed: {type(error).__name__}", LATER)
