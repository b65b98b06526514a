"""Protocol §7's classification, row by row: what a failed call means, and whether it may have changed anything."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate

import pytest
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from synapse_sync.destinations.synapse.http.errors import LONGEST_WAIT, Answer, broken, refused, retry_after, unclear
from synapse_sync.errors import (
    Busy,
    CollectionUnusable,
    ContentMismatch,
    DestinationError,
    OutcomeUnknown,
    Rejected,
    TokenRefused,
    Unreachable,
)

JSON = b'{"detail": "server says so"}'
HTML = b"<html><body>403 Forbidden</body></html>"
UNTRUSTED = ssl.SSLCertVerificationError("self-signed certificate")


@pytest.mark.parametrize(
    ("cause", "harmless", "change"),
    [
        (NewConnectionError(None, "refused"), Unreachable, Unreachable),
        (NameResolutionError("no.such.host", None, OSError("no such name")), Unreachable, Unreachable),
        (ConnectTimeoutError("slow"), Unreachable, Unreachable),
        (ProxyError("no proxy", OSError("refused")), Unreachable, Unreachable),
        (SSLError(UNTRUSTED), Unreachable, Unreachable),
        (SSLError(ssl.SSLEOFError("cut")), Unreachable, OutcomeUnknown),
        (ReadTimeoutError(None, "/data_units/", "silent"), Unreachable, OutcomeUnknown),
        (ProtocolError("Connection aborted.", ConnectionResetError()), Unreachable, OutcomeUnknown),
        (IncompleteRead(3, 10), Unreachable, OutcomeUnknown),
    ],
)
def test_a_broken_connection_leaves_a_change_unknown_unless_nothing_can_have_been_sent(cause, harmless, change):
    assert type(broken(cause, "do it", change=False)) is harmless
    assert type(broken(cause, "do it", change=True)) is change


@pytest.mark.parametrize(
    ("status", "body", "harmless", "change"),
    [
        (301, b"", Unreachable, Unreachable),
        (302, HTML, Unreachable, Unreachable),
        (400, JSON, Rejected, Rejected),
        (401, JSON, TokenRefused, TokenRefused),
        (403, JSON, TokenRefused, TokenRefused),
        (404, JSON, Rejected, Rejected),
        (405, JSON, Rejected, Rejected),
        (409, JSON, Rejected, Rejected),
        (410, JSON, Rejected, Rejected),
        (422, JSON, Rejected, Rejected),
        (413, HTML, Rejected, Rejected),
        (414, HTML, Rejected, Rejected),
        (431, b"", Rejected, Rejected),
        (400, HTML, Busy, Busy),
        (401, HTML, Busy, Busy),
        (403, HTML, Busy, Busy),
        (403, b"", Busy, Busy),
        (404, HTML, Busy, Busy),
        (408, b"", Busy, Busy),
        (425, JSON, Busy, Busy),
        (429, JSON, Busy, Busy),
        (503, HTML, Busy, Busy),
        (500, JSON, Busy, OutcomeUnknown),
        (500, HTML, Busy, OutcomeUnknown),
        (502, HTML, Busy, OutcomeUnknown),
        (504, HTML, Busy, OutcomeUnknown),
        (520, HTML, Busy, OutcomeUnknown),
        (524, HTML, Busy, OutcomeUnknown),
    ],
)
def test_a_status_means_the_same_whoever_asks_except_that_a_change_may_have_happened(status, body, harmless, change):
    answer = Answer(status, {"Content-Type": "text/html"}, body)
    for kind, is_change in ((harmless, False), (change, True)):
        error = refused(answer, "register 3 units", change=is_change)
        assert type(error) is kind
        assert error.status == status
        assert "register 3 units" in str(error)


def test_an_unreadable_success_is_unknown_for_a_change_and_worth_another_try_otherwise():
    assert type(unclear("ask", "no JSON", change=False)) is Busy
    assert type(unclear("register", "no JSON", change=True)) is OutcomeUnknown


def test_only_an_unknown_outcome_says_that_something_may_have_been_applied():
    kinds = (Unreachable, TokenRefused, Busy, OutcomeUnknown, Rejected, ContentMismatch, CollectionUnusable)
    maybe = [kind for kind in kinds if kind("x").applied == "maybe"]
    assert maybe == [OutcomeUnknown]
    assert issubclass(OutcomeUnknown, DestinationError)


def test_a_proxys_refusal_concerns_one_call_while_a_busy_server_concerns_all():
    """A firewall that dislikes one file must not stop the others."""
    assert refused(Answer(403, {}, HTML), "upload a.html", change=True).scope == "call"
    assert refused(Answer(503, {}, HTML), "upload a.html", change=True).scope == "destination"
    assert refused(Answer(403, {"Content-Type": "text/html; x"}, HTML), "upload", change=True).message.endswith(
        "refused with 403 (text/html) by a proxy before the server"
    )


def test_a_redirect_names_its_target_without_its_query():
    error = refused(Answer(301, {"Location": "https://new.host/x/?ticket=1"}, b""), "open", change=False)
    assert "https://new.host/x/" in str(error)
    assert "ticket" not in str(error)


def test_the_servers_words_reach_the_message():
    assert "server says so" in str(refused(Answer(400, {}, JSON), "register", change=True))


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("1.5", 1.5), ("3600", LONGEST_WAIT), ("0", 0.0)])
def test_retry_after_in_seconds_is_taken_up_to_a_minute(value, seconds):
    assert retry_after({"Retry-After": value}) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-5", "Wed, 99 Foo 2026"])
def test_a_retry_after_that_makes_no_sense_means_no_wait(value):
    assert retry_after({"Retry-After": value} if value else {}) == 0.0


def test_retry_after_as_a_date_is_taken_relative_to_now_up_to_a_minute():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 0 < retry_after({"Retry-After": soon}) <= 30
    assert retry_after({"Retry-After": formatdate(time.time() - 500, usegmt=True)}) == 0.0
    assert retry_after({"Retry-After": formatdate(time.time() + 5000, usegmt=True)}) == LONGEST_WAIT


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_answer_carries_how_long_to_wait(status):
    assert refused(Answer(status, {"Retry-After": "9"}, b""), "ask", change=False).retry_after == 9.0
