"""What a web server's refusal means in words: what happened, and what to do about it."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from synapse_sync.shown import plain
from synapse_sync.sources.http_refusals import LATER, other, unconnected
from synapse_sync.sources.refusals import Refusal

_LOG_IN = "write user, and name the variable that holds the password with password_env, or one that holds a token with "
_LOG_IN += "token_env, in [feeds.remote]"
_GONE = Refusal(
    "it is not there", "it was moved or deleted, or path is another one there; it is written without %20 and such"
)
_STATUSES = {
    403: Refusal("access is denied", "allow the user that logs in to read it, or leave it out with exclude"),
    407: Refusal("the proxy wants a login", "see HTTPS_PROXY and HTTP_PROXY"),
    423: Refusal("it is locked there", LATER),
    429: Refusal("the server asks for fewer requests", LATER),
}


class Refused(Exception):
    """The server answers, and not with what was asked for.

    moved_to: where it says that this is instead; challenge: how it wants a login; logged_in: whether there was one.
    """

    def __init__(self, status: int, moved_to: str = "", challenge: str = "") -> None:
        super().__init__(str(status))
        self.status = status
        self.moved_to = moved_to
        self.challenge = challenge
        self.logged_in = False


def refused(answer: requests.Response, _said: bytes) -> Refused:
    """What such an answer is raised as; what it says is a page for people, and may be anything."""
    told = answer.headers
    return Refused(answer.status_code, told.get("location", ""), told.get("www-authenticate", ""))


def failures() -> tuple[type[Exception], ...]:
    """What a request raises; ValueError where the pieces of an answer have sizes below zero, and such."""
    return Refused, requests.RequestException, HTTPError, OSError, ValueError


def refusal(error: Exception) -> Refusal:
    """What an error means. No secret is in its words: of an address, its query is left out."""
    if isinstance(error, Refused):
        return _of_answer(error)
    return unconnected(error, "path") or other(error)


def _of_answer(error: Refused) -> Refusal:
    if is_gone(error):
        return _GONE
    if error.status == 401:
        if not error.logged_in:
            return Refusal("it lets nobody in without a login", _LOG_IN)
        return Refusal("it does not accept the login", "see the user, and the password or token")
    if 300 <= error.status < 400:
        return Refusal(
            f"the server sends elsewhere: {_shown(error.moved_to)}", "write that address as path, if it is right"
        )
    known = _STATUSES.get(error.status)
    if known is not None:
        return known
    if error.status >= 500:
        return Refusal(f"the server fails: it answers with status {error.status}", LATER)
    return Refusal(f"the server refuses: it answers with status {error.status}", LATER)


def _shown(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "to no address"
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    return plain((place + parts.path)[:300]) or "to no address"


def concerns_object(error: Exception) -> bool:
    """Whether it is this file that can't be had, while others may."""
    return isinstance(error, Refused) and (error.status in (400, 403, 404, 406, 410, 423) or 300 <= error.status < 400)


def is_changed(error: Exception) -> bool:
    """Whether another file is there than was asked for, or a shorter one."""
    return isinstance(error, Refused) and error.status in (412, 416)


def is_gone(error: BaseException) -> bool:
    """Whether there is no such file or folder."""
    return isinstance(error, Refused) and error.status in (404, 410)
