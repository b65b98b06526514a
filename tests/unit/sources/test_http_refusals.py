"""What is said where a connection to a service comes to nothing."""

from __future__ import annotations

import ssl

import requests
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, SSLError

from synapse_sync.sources.http_refusals import unconnected
from synapse_sync.sources.refusals import Refusal


def failed(why: ssl.SSLError) -> Refusal | None:
    """Of a connection over TLS, as requests has it."""
    return unconnected(
        requests.exceptions.SSLError(MaxRetryError(HTTPConnectionPool("nas"), "/", SSLError(why))), "path"
    )


def test_a_certificate_that_is_not_believed_is_another_matter_than_a_server_without_tls() -> None:
    expired = ssl.SSLCertVerificationError(1, "x")
    expired.verify_message = "certificate has expired"
    told = failed(expired)

    assert told is not None
    assert told.what == "its certificate is not trusted: certificate has expired"
    assert "ca_bundle" in told.hint
    assert failed(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")) == Refusal(
        "it does not speak TLS", "correct path: another port, or an address without TLS"
    )
