"""Many small contents side by side: each arrives once or fails for itself, whatever happens to the others."""

import os
import random
import socket
import threading
import time
from queue import SimpleQueue

import pytest

from synapse_sync.destinations.synapse.http import lanes
from synapse_sync.destinations.synapse.http.calls import UPLOAD
from synapse_sync.destinations.synapse.http.connect import Connector
from synapse_sync.destinations.synapse.upload import routes
from synapse_sync.errors import Busy, ContentMismatch, FileChanged, OutcomeUnknown, Rejected, Unreachable
from synapse_sync.records import ContentRef
from tests.contract.client import connected, digests, held, send_small
from tests.contract.scripted import answer, kept, scripted
from tests.contract.test_client_connections import plain_environment, tls  # noqa: F401 - fixtures

KIB = 1024


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def contents_of(*sizes):
    return [held(os.urandom(size), f"{number}.png") for number, size in enumerate(sizes)]


@pytest.mark.parametrize("workers", [1, 3, 40])
def test_all_arrive_once_over_no_more_connections_than_there_are_workers(devserver, workers):
    contents = contents_of(*[1 + number * 97 for number in range(200)])
    with connected(devserver.url, workers=workers) as destination:
        outcomes = send_small(destination, *contents)
        found = destination.present([content.digests for content in contents])
    assert [outcome.checksum for outcome in outcomes] == [found[content.digests].checksum for content in contents]
    assert devserver.stats()["requests"]["POST data_files/"] == 200


@pytest.fixture
def narrow(monkeypatch):
    """Connections whose buffer takes less than a request, so that it goes in pieces."""
    connect = Connector.connect

    def narrowed(self, timeout):
        connection = connect(self, timeout)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
        return connection

    monkeypatch.setattr(Connector, "connect", narrowed)


def test_what_does_not_go_at_once_goes_in_pieces(devserver, narrow):
    with connected(devserver.url, workers=4) as destination:
        contents = contents_of(*[destination.small] * 10, *range(1, 11))
        assert {type(outcome) for outcome in send_small(destination, *contents)} == {ContentRef}
        assert len(destination.present([content.digests for content in contents])) == 20


def test_lanes_speak_tls_and_reuse_their_connections(tls):  # noqa: F811
    stored = [{"id": number, "checksum": digests(b"%d" % number).sha1} for number in (1, 2)]
    with (
        scripted(*[answer(each, "201 Created") for each in stored], tls=tls[0]) as server,
        connected(server.url, ca_bundle=tls[1], workers=1) as destination,
    ):
        outcomes = send_small(destination, held(b"1"), held(b"2"))
    assert outcomes == [ContentRef(each["checksum"], each["id"]) for each in stored]


@pytest.mark.parametrize("actual", [b"other", b"longer than it was", b"s", b""])
def test_a_file_that_changed_is_not_sent_and_the_others_are(devserver, actual):
    files = devserver.stats()["data_files"]
    with connected(devserver.url) as destination:
        before, changed, after = send_small(
            destination, held(b"before" + actual), held(b"small", "c.png", actual), held(b"after" + actual)
        )
    assert isinstance(changed, ContentMismatch)
    assert "c.png" in str(changed)
    assert (type(before), type(after)) == (ContentRef, ContentRef)
    assert devserver.stats()["data_files"] == files + 2


def test_a_file_that_cannot_be_read_is_its_own_outcome(devserver):
    gone = FileChanged("b.png changed since it was listed")
    with connected(devserver.url) as destination:
        first, second = send_small(destination, held(b"a file", actual=gone), held(b"another file"))
    assert first is gone
    assert isinstance(second, ContentRef)


def test_an_answer_that_was_lost_concerns_its_own_content_alone(devserver):
    contents = contents_of(*[500] * 20)
    devserver.fault("POST data_files/", "drop_after", after=4)
    devserver.fault("POST data_files/", "cut_body", after=9)
    with connected(devserver.url, workers=4) as destination:
        outcomes = send_small(destination, *contents)
        found = destination.present([content.digests for content in contents])
    lost = [outcome for outcome in outcomes if not isinstance(outcome, ContentRef)]
    assert [type(outcome) for outcome in lost] == [OutcomeUnknown, OutcomeUnknown]
    assert len(found) == 20
    assert devserver.stats()["requests"]["POST data_files/"] == 20


def test_a_server_that_is_silent_on_one_connection_holds_up_no_other(devserver, monkeypatch):
    monkeypatch.setattr(routes, "UPLOAD", UPLOAD._replace(answer=0.3))
    devserver.fault("POST data_files/", "delay", seconds=2.0, after=1)
    contents = contents_of(*[500] * 50)
    with connected(devserver.url, workers=2, read_timeout=0.3) as destination:
        outcomes = send_small(destination, *contents)
    silent = [outcome for outcome in outcomes if not isinstance(outcome, ContentRef)]
    assert [type(outcome) for outcome in silent] == [OutcomeUnknown]
    assert "did not answer in time" in str(silent[0])


def test_a_server_that_stops_reading_is_given_up(monkeypatch, narrow):
    monkeypatch.setattr(routes, "UPLOAD", UPLOAD._replace(stall=0.2))
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    with deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with connected(url, connect_timeout=0.2, workers=5) as destination:
            outcomes = send_small(destination, *contents_of(*[destination.small] * 5))
    assert {type(outcome) for outcome in outcomes} == {OutcomeUnknown}


def test_a_refusal_before_the_whole_body_was_read_is_heard():
    with scripted(answer({"detail": "no"}, "413 Too Large")) as server, connected(server.url) as destination:
        (outcome,) = send_small(destination, held(b"x" * 200 * KIB))
    assert isinstance(outcome, Rejected)
    assert outcome.status == 413


def test_connections_that_the_server_closed_while_there_was_nothing_to_send_are_opened_again():
    stored = [{"id": number, "checksum": digests(b"%d" % number).sha1} for number in (1, 2)]
    answers = [kept(answer(each, "201 Created")) for each in stored]
    outcomes, one, two = [], held(b"1"), held(b"2")

    class Waiting:
        """A queue that gives its second content only once the server has closed the first one's connection."""

        def __init__(self, server):
            self.server, self.left = server, [one, two, None]

        def get(self, *, block):
            if len(self.left) == 2:
                if not block:
                    raise lanes.Empty
                self.server.closed.acquire()
            return self.left.pop(0)

    with scripted(*answers) as server, connected(server.url) as destination:
        destination.put_small(1, Waiting(server), lambda content, outcome: outcomes.append(outcome), threading.Event())
    assert outcomes == [ContentRef(each["checksum"], each["id"]) for each in stored]


@pytest.mark.parametrize("seed", range(5))
def test_through_random_faults_each_content_arrives_or_says_why_not(devserver, seed):
    dice = random.Random(seed)
    contents = contents_of(*[dice.randrange(1, 60_000) for _ in range(120)])
    kinds = ["drop_before", "drop_after", "cut_body", "html", "status", "duplicate_delivery", "delay"]
    for _ in range(25):
        devserver.fault("POST data_files/", dice.choice(kinds), after=dice.randrange(100))
    with connected(devserver.url, workers=dice.randrange(1, 20)) as destination:
        outcomes = send_small(destination, *contents)
        found = destination.present([content.digests for content in contents])
    for content, outcome in zip(contents, outcomes, strict=True):
        if isinstance(outcome, ContentRef):
            assert found[content.digests].checksum == outcome.checksum
        else:
            assert isinstance(outcome, (OutcomeUnknown, Busy))
            assert outcome.applied == "maybe" or content.digests not in found


# Connections that end, or carry more than they should.


def stored(*numbers):
    return [{"id": number, "checksum": digests(b"%d" % number).sha1} for number in numbers]


def test_an_answer_that_ends_with_its_connection_is_read_and_the_next_request_goes_elsewhere():
    raw = [answer(each, "201 Created").replace(b"Content-Length", b"X-Length") for each in stored(1, 2, 3)]
    with scripted(*[kept(each) for each in raw]) as server, connected(server.url, workers=1) as destination:
        outcomes = send_small(destination, held(b"1"), held(b"2"), held(b"3"))
    assert outcomes == [ContentRef(each["checksum"], each["id"]) for each in stored(1, 2, 3)]


@pytest.mark.parametrize("more", [answer({"detail": "stray"}, "408 Request Timeout"), b"x"])
def test_what_comes_after_an_answer_is_never_taken_for_the_next_one(more):
    raw = [kept(answer(each, "201 Created")) + more for each in stored(1, 2)]
    with scripted(*raw, keep=True) as server, connected(server.url, workers=1) as destination:
        outcomes = send_small(destination, held(b"1"), held(b"2"))
    assert outcomes == [ContentRef(each["checksum"], each["id"]) for each in stored(1, 2)]


def test_when_stopping_a_silent_server_is_not_waited_for_long_and_what_has_not_gone_out_is_dropped(monkeypatch):
    monkeypatch.setattr(lanes, "_LAST_WAIT", 0.3)
    queue, outcomes, stopping = SimpleQueue(), [], threading.Event()
    for content in contents_of(*[500] * 10):
        queue.put(content)
    with scripted(None, None) as server, connected(server.url, workers=2) as destination:
        done = lambda content, outcome: outcomes.append(outcome)  # noqa: E731
        sending = threading.Thread(target=destination.put_small, args=(1, queue, done, stopping))
        sending.start()
        until(lambda: len(server.requests) == 2)
        stopping.set()
        while not queue.empty():
            queue.get_nowait()
        queue.put(None)
        sending.join(timeout=30)
    assert not sending.is_alive()
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, OutcomeUnknown]


def test_a_server_that_is_silent_on_all_connections_is_down(monkeypatch):
    monkeypatch.setattr(routes, "UPLOAD", UPLOAD._replace(answer=0.3))
    with scripted(None, None) as server, connected(server.url, workers=2, read_timeout=0.3) as destination:
        outcomes = send_small(destination, held(b"1"), held(b"2"))
    assert {(type(each), each.scope, each.exit_code) for each in outcomes} == {(OutcomeUnknown, "destination", 3)}


def test_a_connection_that_is_closed_instead_of_an_answer_is_told_in_words():
    with scripted(b"") as server, connected(server.url) as destination:
        (outcome,) = send_small(destination, held(b"1"))
    assert "the server closed the connection without an answer" in str(outcome)


def test_a_host_beyond_ascii_is_asked_by_its_ascii_name():
    with connected("http://bücher.invalid") as destination:
        (outcome,) = send_small(destination, held(b"1"))
    assert isinstance(outcome, Unreachable)
