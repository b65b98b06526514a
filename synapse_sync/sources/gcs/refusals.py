"""What Google Cloud Storage's refusal means in words, or that of who gives the credentials; and what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from synapse_sync.sources.http_refusals import LATER, other, unconnected
from synapse_sync.sources.refusals import Refusal

_SIGN_IN = "sign in anew (`gcloud auth application-default login`), or see the key that the config, the storage in "
_SIGN_IN += "Synapse or GOOGLE_APPLICATION_CREDENTIALS names, and this machine's clock"
_STATUSES = {
    401: Refusal("the credentials are not accepted", f"{_SIGN_IN}; with anonymous = true, it lets nobody in without"),
    403: Refusal("access is denied", "grant Storage Object Viewer (roles/storage.objectViewer) on the bucket to it"),
    404: Refusal("it is not there any more", "it was deleted since it was listed"),
    429: Refusal("the service asks for fewer requests", LATER),
}
_TOO_MANY = {"rateLimitExceeded", "userRateLimitExceeded"}
_PAYS = Refusal("who asks for this bucket pays for it", "let its owner pay (Requester Pays): no project is named here")
_NOT_GCS = Refusal("what answers is no Google Cloud Storage", "correct endpoint_url in [feeds.remote]")
_NO_CREDENTIALS = Refusal(
    "there are no credentials",
    "run `gcloud auth application-default login`, name a key with GOOGLE_APPLICATION_CREDENTIALS or credentials_file "
    "in [feeds.remote], or write anonymous = true",
)


class Refused(Exception):
    """The service answers, and not with what was asked: status (of HTTP), and its own word and sentence for it."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.reason, self.message = _said(body)
        super().__init__(f"{status} {self.reason}")


def _said(body: bytes) -> tuple[str, str]:
    """The reason and the message of an error object; "" where it is none."""
    try:
        error = json.loads(body)["error"]
        return str(error["errors"][0]["reason"]), str(error["message"])[:300]
    except (ValueError, LookupError, TypeError):
        return "", ""


def failures() -> tuple[type[Exception], ...]:
    """What a request to the service raises."""
    from google.auth.exceptions import GoogleAuthError

    return Refused, requests.RequestException, GoogleAuthError, HTTPError, OSError


def refusal(error: Exception) -> Refusal:
    """What an error means. No token is in its words: those are in headers alone, of which nothing is repeated."""
    if isinstance(error, Refused):
        return _of_answer(error)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return _NOT_GCS
    return unconnected(error, "endpoint_url") or _of_credentials(error) or other(error)


def _of_answer(error: Refused) -> Refusal:
    if error.reason in _TOO_MANY:
        return _STATUSES[429]
    if error.reason == "userProjectMissing":
        return _PAYS
    known = _STATUSES.get(error.status)
    if known is None:
        return Refusal(f"the service refuses: {error} {error.message}".rstrip(), LATER)
    tells = error.message if error.status in (401, 403) else ""
    return Refusal(f"{known.what}: {tells}" if tells else known.what, known.hint)


def _of_credentials(error: Exception) -> Refusal | None:
    """What failed before the service was asked; None for what has nothing to do with credentials."""
    from google.auth import exceptions

    words: Any = error.args[0] if error.args else ""
    if isinstance(error, exceptions.DefaultCredentialsError):
        if "default credentials were not found" in str(words):
            return _NO_CREDENTIALS
        return Refusal(f"the credentials can't be used: {words}", _NO_CREDENTIALS.hint)
    if isinstance(error, exceptions.TransportError):
        return Refusal("who gives the credentials can't be reached", "see that this machine may reach Google's sign-in")
    if isinstance(error, exceptions.RefreshError):
        code = re.match(r"[a-z_]+(?=:)", str(words))  # OAuth's word for it; what follows may be anything
        told = f": {code[0]}" if code else ""
        return Refusal(f"the credentials are refused, or have expired{told}", _SIGN_IN)
    if isinstance(error, exceptions.GoogleAuthError):
        return Refusal(f"no token can be had: {type(error).__name__}", _SIGN_IN)
    return None


def no_bucket(error: Exception) -> Refusal:
    """What an error of a listing means."""
    if isinstance(error, Refused) and error.status == 404:
        return Refusal("there is no such bucket", "correct path, or endpoint_url in [feeds.remote]")
    return refusal(error)


def concerns_object(error: Exception) -> bool:
    """Whether it is this object that can't be had, while others may."""
    return isinstance(error, Refused) and error.reason not in _TOO_MANY and error.status in (400, 403, 404)


def is_changed(error: Exception) -> bool:
    """Whether another object is there than was asked for: another generation, or a shorter one."""
    return isinstance(error, Refused) and error.status in (412, 416)


def is_gone(error: BaseException) -> bool:
    """Whether there is no such object."""
    return isinstance(error, Refused) and error.status == 404
