"""What a failed call means: the one place where statuses and broken connections become the errors of errors.py.

Enters: a connection's exception or an answer's status, headers and body; and whether the call was a `change` (protocol
§7: a request that must not be repeated blindly). Leaves: one DestinationError, to be raised by the caller.

    what happened                                          any call        a change
    no connection, DNS, connect time-out, certificate      Unreachable     Unreachable
    no answer, reset, cut body, any other TLS failure      Unreachable     OutcomeUnknown
    an answer of 2xx that can't be read                    Busy            OutcomeUnknown
    3xx                                                    Unreachable     Unreachable
    408, 425, 429, 503                                     Busy            Busy
    any other 5xx                                          Busy            OutcomeUnknown
    413, 414, 431; other 4xx with JSON                     Rejected        Rejected
    401, 403 with JSON                                     TokenRefused    TokenRefused
    other 4xx without JSON: a proxy's page, or nothing     Busy            Busy
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, SSLError
from urllib3.util.ssl_match_hostname import CertificateError

from synapse_sync.destinations.synapse.http.words import parse, words
from synapse_sync.errors import Busy, DestinationError, OutcomeUnknown, Rejected, Scope, TokenRefused, Unreachable

LONGEST_WAIT = 60.0
"""Seconds of a Retry-After that are honoured (protocol §7: the SDK's cap)."""

_NOT_NOW = frozenset({408, 425, 429, 503})
_TOO_LARGE = frozenset({413, 414, 431})

_LONGEST_WORDS = 500
_NO_LONGER = frozenset({401, 403, 404, 410})
_EXPIRED = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})  # S3 says so with 400
_LOOK_FIRST = "what the server has is looked up before anything is sent again"
_CHECK_URL = "check server.url; tried again by itself"


NO_SUCH_ADDRESS = frozenset({404, 405})
"""In Synapse's own error form these say that the server has no such endpoint, where no object is named in its path."""


class Gone(Busy):
    """The server has no such endpoint: an older or a newer one than we know, or not Synapse at all."""

    def __init__(self, doing: str, refused: Rejected) -> None:
        super().__init__(f"could not {doing}: the server has no such address: {refused.message}", hint=_CHECK_URL)
        self.status = refused.status


class PlaceRefused(Busy):
    """The storage does not take anything at this presigned URL (any more): another is to be asked for."""

    scope: Scope = "call"


class Answer(NamedTuple):
    """An answer as it came: headers in any case, body undecoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _reason(cause: Exception) -> str:
    """What went wrong, without the connection object that urllib3 puts before it."""
    text = str(cause)
    return text.partition("): ")[2] or text


def broken(cause: Exception, doing: str, *, change: bool) -> DestinationError:
    """The error for a connection that failed before a whole answer was there; `cause` is urllib3's exception."""
    if isinstance(cause, SSLError):
        if isinstance(cause.args[0], (ssl.SSLCertVerificationError, CertificateError)):
            hint = "where the server's certificate comes from your own CA, set server.ca_bundle to the CA's file"
            return Unreachable(f"could not {doing}: the server's certificate is not trusted: {cause}", hint=hint)
    elif isinstance(cause, (NewConnectionError, ConnectTimeoutError, ProxyError)):
        return no_connection(_reason(cause), doing)
    if change:
        return OutcomeUnknown(f"could not learn the outcome of: {doing}: {cause}", hint=_LOOK_FIRST)
    return Unreachable(
        f"could not {doing}: the connection broke or no answer came: {cause}", hint="tried again by itself"
    )


def no_connection(reason: str, doing: str) -> Unreachable:
    """The error where no connection could be made."""
    hint = "check server.url, the network and that the server runs; tried again by itself"
    return Unreachable(f"could not {doing}: no connection: {reason}", hint=hint)


def unclear(doing: str, what: str, *, change: bool, status: int | None = None) -> DestinationError:
    """The error for an answer of 2xx that does not say what it must."""
    if change:
        return OutcomeUnknown(f"could not learn the outcome of: {doing}: {what}", hint=_LOOK_FIRST, status=status)
    return Busy(f"could not {doing}: {what}", hint=_CHECK_URL, status=status)


@contextmanager
def never_twice() -> Iterator[None]:
    """For a call that makes another thing each time it is repeated: a 503 does not tell that nothing was made.

    Unless it says when to come again: then the server has turned the call away. A proxy says 503 of a server that it
    has lost, too.
    """
    try:
        yield
    except Busy as busy:
        if busy.status != 503 or busy.retry_after:
            raise
        raise OutcomeUnknown(busy.message, hint=_LOOK_FIRST, status=503, retry_after=busy.retry_after) from busy


def try_later(doing: str, what: str) -> Busy:
    """The error for one call that changed nothing for good and is worth another try; other calls are not concerned."""
    error = Busy(f"could not {doing}: {what}", hint="tried again by itself")
    error.scope = "call"
    return error


def refused(answer: Answer, doing: str, *, change: bool) -> DestinationError:
    """The error for an answer outside 2xx."""
    status, value = answer.status, parse(answer.body)
    said = words(value) if value is not None else ""
    says = f"could not {doing}: the server answered {status}" + (f": {said}" if said else "")
    if status < 400:
        target = answer.headers.get("Location", "").partition("?")[0] or "nowhere"
        return Unreachable(f"{says}: a redirect to {target}", hint=_CHECK_URL, status=status)
    if status in _NOT_NOW:
        return Busy(says, hint="tried again by itself", status=status, retry_after=retry_after(answer.headers))
    if status >= 500:
        if change:
            return OutcomeUnknown(says, hint=_LOOK_FIRST, status=status)
        return Busy(says, hint="tried again by itself", status=status, retry_after=retry_after(answer.headers))
    if status in _TOO_LARGE:
        return Rejected(says, hint="it is too large for the server or a proxy before it", status=status)
    if value is None:
        return _by_proxy(answer, doing)
    if status in (401, 403):
        return TokenRefused(says, hint="replace the token (synapse-sync login) or have it permitted", status=status)
    rejected = Rejected(says, status=status)
    rejected.code = str(value.get("code") or "") if isinstance(value, Mapping) else ""
    return rejected


def refused_by_storage(answer: Answer, doing: str) -> DestinationError:
    """The error for a storage's answer outside 2xx (protocol §4.4, §7): of it only Code and Message are told.

    A code in XML is the storage's own word: the URL is no good (any more), and another is asked for. Anything else is
    a proxy's. Both concern this one file.
    """
    code, message = (found[1].decode(errors="replace") if found else "" for found in _in_xml(answer.body))
    if answer.status < 500 and not code:
        return _by_proxy(answer, doing)
    said = f": {code}: {message}" if code else ""
    error = try_later(doing, f"the storage answered {answer.status}{said}"[:_LONGEST_WORDS])
    if answer.status in _NO_LONGER or code in _EXPIRED:
        error = PlaceRefused(error.message, hint=error.hint)
    error.status, error.retry_after = answer.status, retry_after(answer.headers)
    return error


def is_trouble(answer: Answer) -> bool:
    """Whether an answer says that there is too much to do, here or at a proxy; the server's own no is none."""
    return answer.status >= 400 and not isinstance(refused(answer, "", change=False), (Rejected, TokenRefused))


def _in_xml(body: bytes) -> tuple[re.Match[bytes] | None, re.Match[bytes] | None]:
    return re.search(rb"<Code>([^<]*)</Code>", body), re.search(rb"<Message>([^<]*)</Message>", body)


def _by_proxy(answer: Answer, doing: str) -> Busy:
    """A refusal that is not the server's own: it concerns this one call (a firewall that dislikes one file, say)."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0] or "no content"
    error = Busy(
        f"could not {doing}: refused with {answer.status} ({kind}) by a proxy before the server",
        hint="tried again by itself; if it stays so, check server.url and the proxy's or firewall's rules",
        status=answer.status,
        retry_after=retry_after(answer.headers),
    )
    error.scope = "call"
    return error


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait (a number or an HTTP date, RFC 9110 §10.2.3), within 0 and LONGEST_WAIT."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)
