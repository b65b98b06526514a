"""What the service refuses, in words with something to do; neither key, signature nor token is in any of them."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.storage.blob._shared.authentication import AzureSigningError
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError

from synapse_sync.sources.azure.refusals import (
    Refused,
    concerns_object,
    failures,
    is_changed,
    is_gone,
    no_container,
    refusal,
    refused,
)

POOL = HTTPConnectionPool("nas")
GONE = NameResolutionError("nas", HTTPConnection("nas"), socket.gaierror())
SECRET = "c2lnbmF0dXJl"
NOT_FOUND = "DefaultAzureCredential failed to retrieve a token from the included credentials."
AUTH = "Server failed to authenticate the request. Make sure the value of the Authorization header is formed correctly."


def answered(status: int, code: str = "", detail: str = "", **headers: str) -> Refused:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{AUTH}</Message>"
    body += f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
    return refused(answer, body.encode())


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        (answered(403, "AuthenticationFailed", f"The MAC signature '{SECRET}' is not"), "account key", "access keys"),
        (answered(403, "AuthenticationFailed", f"Signature did not match. {SECRET}"), "access signature", "sas_token"),
        (
            answered(403, "AuthenticationFailed", "Signature not valid in the specified time frame: Start [x]"),
            "has expired",
            "make a new one",
        ),
        (answered(403, "AuthenticationFailed", "Request date header too old: 'x'"), "clock differs", "timedatectl"),
        (answered(403, "AuthenticationFailed", "The Date header in the request is incorrect."), "clock", "timedatectl"),
        (answered(403, "AuthenticationFailed"), "not accepted", "access keys"),
        (answered(403, "AuthorizationPermissionMismatch"), "access is denied", "Storage Blob Data Reader"),
        (Refused(403, "AuthorizationFailure"), "access is denied", "networking"),
        (answered(403, "KeyBasedAuthenticationNotPermitted"), "by its keys", "az login"),
        (answered(401, "NoAuthenticationInformation"), "lets nobody in", "anonymous"),
        (answered(409, "PublicAccessNotPermitted"), "lets nobody in", "anonymous"),
        (answered(401, "InvalidAuthenticationInfo"), "not accepted", "az login"),
        (answered(409, "BlobArchived"), "archived", "rehydrate"),
        (answered(404, x_ms_error_code="BlobNotFound"), "not there", "deleted"),
        (answered(503, "ServerBusy"), "fewer requests", "later"),
        (answered(429), "fewer requests", "later"),
        (answered(500, "InternalError"), "500 InternalError", "later"),
        (answered(502, f"<b>{SECRET}"), "502", "later"),
        (requests.exceptions.SSLError(SECRET), "does not speak TLS", "another port"),
        (requests.exceptions.ConnectionError(SECRET), "can't be reached", "runs"),
        (requests.exceptions.ConnectionError(MaxRetryError(POOL, "/", GONE)), "name is not known", "correct account"),
        (ClientAuthenticationError(NOT_FOUND), "there are no credentials", "anonymous = true"),
        (ClientAuthenticationError(f"AADSTS7000215: Invalid secret {SECRET}"), "AADSTS7000215", "AZURE_CLIENT_ID"),
        (ClientAuthenticationError(SECRET), "are refused", "az login"),
        (AzureSigningError("Incorrect padding"), "not in base64", "access keys"),
        (ServiceRequestError(SECRET), "who gives the credentials can't be reached", "Entra"),
        (AzureError(SECRET), "who gives the credentials", "Entra"),
    ],
)
def test_each_refusal_says_what_happened_and_what_to_do(error: Exception, what: str, remedy: str) -> None:
    assert isinstance(error, failures())
    means = refusal(error)
    assert what in means.what
    assert remedy in means.hint
    assert SECRET not in f"{means} {error if isinstance(error, Refused) else ''}"


def test_what_is_not_found_is_a_container_where_it_is_listed_and_a_blob_where_it_is_read() -> None:
    assert "no such container" in no_container(answered(404, "ResourceNotFound")).what
    assert "not there" in refusal(answered(404, "ResourceNotFound")).what
    assert no_container(answered(409, "BlobArchived")) == refusal(answered(409, "BlobArchived"))


def test_what_concerns_one_blob_keeps_no_others_from_being_read() -> None:
    alone = {status for status in (400, 401, 403, 404, 408, 409, 429, 500, 503) if concerns_object(answered(status))}
    assert alone == {400, 403, 404}
    assert concerns_object(answered(409, "BlobArchived"))
    for code in ("AuthenticationFailed", "ContainerNotFound"):
        assert not concerns_object(answered(404 if "Not" in code else 403, code))
    assert not concerns_object(OSError())
    assert [status for status in (200, 404, 412, 416) if is_changed(answered(status))] == [412, 416]
    assert is_gone(answered(404, "BlobNotFound"))
    assert not is_gone(answered(404, "ContainerNotFound"))


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff"])
def test_an_answer_that_is_none_of_the_service_is_its_status_alone(body: bytes) -> None:
    answer: Any = requests.Response()
    answer.status_code = 418
    assert str(refused(answer, body)) == "418"
