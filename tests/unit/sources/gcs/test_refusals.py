"""What the service refuses, in words with something to do; no token is in any of them."""

from __future__ import annotations

import json
import socket

import pytest
import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, ReadTimeoutError

from synapse_sync.sources.gcs.refusals import (
    Refused,
    concerns_object,
    failures,
    is_changed,
    is_gone,
    no_bucket,
    refusal,
)

POOL = HTTPConnectionPool("nas")
SILENCE = ReadTimeoutError(POOL, "/", "")
UNKNOWN = NameResolutionError("nas", HTTPConnection("nas"), socket.gaierror())
SECRET = "ya29.a-token"


def refused(status: int, reason: str = "", message: str = "") -> Refused:
    return Refused(status, json.dumps({"error": {"message": message, "errors": [{"reason": reason}]}}).encode())


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        (refused(401, "authError", "Invalid Credentials"), "not accepted: Invalid Credentials", "gcloud auth"),
        (refused(403, "forbidden", "scans@x does not have storage.objects.list"), "scans@x", "objectViewer"),
        (refused(403, "rateLimitExceeded"), "fewer requests", "later"),
        (refused(429), "fewer requests", "later"),
        (refused(400, "userProjectMissing"), "pays", "Requester Pays"),
        (refused(503, "backendError", "try again"), "503 backendError try again", "later"),
        (Refused(502, b"<html>"), "502", "later"),
        (Refused(418, b'{"error": []}'), "418", "later"),
        (requests.exceptions.SSLError(), "does not speak TLS", "another port"),
        (requests.exceptions.ProxyError(), "proxy", "HTTPS_PROXY"),
        (requests.exceptions.ConnectTimeout(), "does not answer", "runs"),
        (requests.exceptions.ConnectionError(MaxRetryError(POOL, "/", SILENCE)), "stopped answering", "later"),
        (requests.exceptions.ConnectionError(MaxRetryError(POOL, "/", UNKNOWN)), "name is not known", "endpoint_url"),
        (SILENCE, "stopped answering", "later"),
        (requests.exceptions.ConnectionError(), "can't be reached", "runs"),
        (requests.exceptions.JSONDecodeError("x", "", 0), "no Google Cloud Storage", "endpoint_url"),
        (OSError("cut"), "OSError", "later"),
        (DefaultCredentialsError("Your default credentials were not found. To"), "no credentials", "anonymous = true"),
        (DefaultCredentialsError("File /k was not found."), "File /k", "credentials_file"),
        (RefreshError(f"invalid_grant: {SECRET}", {"x": SECRET}), "invalid_grant", "clock"),
        (RefreshError(SECRET), "expired", "gcloud auth"),
        (TransportError(SECRET), "gives the credentials", "sign-in"),
        (GoogleAuthError(SECRET), "no token", "gcloud auth"),
    ],
)
def test_each_refusal_says_what_happened_and_what_to_do(error: Exception, what: str, remedy: str) -> None:
    assert isinstance(error, failures())
    means = refusal(error)
    assert what in means.what
    assert remedy in means.hint
    assert SECRET not in str(means)


def test_what_is_not_found_is_a_bucket_where_it_is_listed_and_an_object_where_it_is_read() -> None:
    assert "no such bucket" in no_bucket(refused(404, "notFound")).what
    assert "not there" in refusal(refused(404, "notFound")).what
    assert no_bucket(refused(401)) == refusal(refused(401))


def test_what_concerns_one_object_keeps_no_others_from_being_read() -> None:
    alone = {status for status in (400, 401, 403, 404, 408, 429, 500, 503) if concerns_object(refused(status))}
    assert alone == {400, 403, 404}
    assert not concerns_object(refused(403, "userRateLimitExceeded"))
    assert [status for status in (200, 404, 412, 416) if is_changed(refused(status))] == [412, 416]
    assert is_gone(refused(404))
    assert not is_gone(refused(403))
