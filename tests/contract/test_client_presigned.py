"""Presigned uploads against the embedded backend: what arrives, resumes, is asked anew, never gets in."""

import hashlib
import io
import os
import threading
import time
import tracemalloc
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from synapse_sync.destinations.synapse.upload import presigned_small
from synapse_sync.errors import Busy, ContentMismatch, DestinationError, FileUnreadable, OutcomeUnknown, Rejected
from synapse_sync.records import Digests, Learned
from tests.contract.client import APIS, TOKEN, Journal, digests, held, presigning, send, send_one_small, send_small

KIB = 1024
PART = 32 * KIB  # as conftest.py has it; in parts from 64 KiB on
SINGLE, PARTS = 40 * KIB, 4 * PART + 100
SIZES = pytest.mark.parametrize("size", [SINGLE, PARTS], ids=["single", "parts"])
WAYS = pytest.mark.parametrize("way", [send, send_one_small], ids=["put", "put_small"])
ISSUE = {"v1": "POST data_files/presigned_upload/upload/", "v2": "POST v2/data-collections/{id}/upload-urls/"}
CONFIRM = {
    "v1": "POST data_files/presigned_upload/confirm_upload/",
    "v2": "POST v2/data-collections/{id}/finalize-upload/",
}


@pytest.fixture
def destination(devserver):
    """A destination of the module's backend that speaks v1."""
    with presigning(devserver) as made:
        yield made


def put(destination, data, journal=None, resume=None, stream=None, name="사진 1.png"):
    stream = stream or io.BytesIO(data)
    return destination.put(destination.collection, stream, name, digests(data), resume, journal or Journal())


def has(destination, data):
    return digests(data) in destination.present([digests(data)])


def requests(server, route):
    return server.stats()["requests"].get(route, 0)


def received(server):
    return server.stats()["bytes_received"]


def objects(server):
    return requests(server, "PUT object/") + requests(server, "PUT object/part/")


class Changing(io.BytesIO):
    """A file that holds other bytes from the n-th reading of `position` on."""

    def __init__(self, data, position, reading):
        super().__init__(data)
        self._position, self._left = position, reading

    def read(self, size=-1):
        start = self.tell()
        data = bytearray(super().read(size))
        if start <= self._position < start + len(data):
            self._left -= 1
            if self._left <= 0:
                data[self._position - start] ^= 1
        return bytes(data)


@APIS
@WAYS
@SIZES
def test_a_content_goes_straight_to_the_storage_and_is_confirmed(devserver, api, way, size):
    data = os.urandom(size)
    with presigning(devserver, api) as destination:
        reference = way(destination, data)
        assert has(destination, data)
        assert destination.learned.presigned == api
    assert reference.checksum == digests(data).sha1
    assert isinstance(reference.data_file, int)
    assert received(devserver) == size
    assert (requests(devserver, "PUT object/"), requests(devserver, "PUT object/part/")) in [(1, 0), (0, 5)]
    assert requests(devserver, CONFIRM[api]) == 1
    assert requests(devserver, "POST data_files/") == 0


def test_many_small_contents_are_issued_and_confirmed_together(devserver, destination):
    contents = [os.urandom(300) for _ in range(450)]
    outcomes = send_small(destination, *map(held, contents))
    assert [outcome.checksum for outcome in outcomes] == [digests(data).sha1 for data in contents]
    assert requests(devserver, ISSUE["v1"]) < 20
    assert requests(devserver, CONFIRM["v1"]) < 100


@WAYS
def test_an_empty_content_goes_whole_through_the_api(start, way):
    server, _ = start(empty_files="accept")
    with presigning(server) as destination:
        assert send(destination, b"").checksum in digests(b"")
    assert requests(server, ISSUE["v1"]) == 0


@SIZES
def test_a_name_longer_than_the_api_takes_keeps_its_end(devserver, destination, size):
    data = os.urandom(size)
    put(destination, data, name="n" * 300 + ".png")
    with devserver._backend.store.reading() as db:
        (name,) = db.execute("SELECT name FROM data_files WHERE content = ?", (digests(data).sha1,)).fetchone()
    assert name == "n" * 251 + ".png"


@pytest.mark.parametrize("etags", ["md5", "opaque"])
def test_etags_go_back_as_they_came(start, etags):
    """S3 refuses to put parts together under other ETags than its own."""
    server, _ = start(etags=etags, multipart_threshold=64 * KIB, part_size=PART)
    data, journal = os.urandom(PARTS), Journal()
    with presigning(server) as destination:
        put(destination, data, journal)
        assert has(destination, data)
    assert all(tag.startswith('"') and tag.endswith('"') for tag in journal.state.parts["etags"].values())


# --- What goes on after a kill


@APIS
@pytest.mark.parametrize("die_at", range(1, 6))
def test_an_upload_killed_after_any_part_sends_only_what_is_missing(devserver, api, die_at):
    data, journal = os.urandom(PARTS), Journal(die_at)
    with presigning(devserver, api) as first, pytest.raises(KeyboardInterrupt):
        put(first, data, journal)
    there = len(journal.state.parts["etags"])
    before = received(devserver)
    with presigning(devserver, api) as second:
        second.collection = first.collection
        second.recall(first.learned)
        put(second, data, Journal(), journal.state)
        assert has(second, data)
    assert there >= die_at
    assert received(devserver) == len(data)
    assert before >= (there - 1) * PART
    assert requests(devserver, ISSUE[api]) == 2, "one of them asked whether there are such URLs"


def test_a_single_put_killed_before_it_was_confirmed_is_only_confirmed(devserver, destination):
    data, journal = os.urandom(SINGLE), Journal(1)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    put(destination, data, resume=journal.state)
    assert received(devserver) == SINGLE


@SIZES
def test_a_confirmation_whose_answer_was_lost_is_asked_for_again_without_the_bytes(devserver, destination, size):
    data, journal = os.urandom(size), Journal()
    devserver.fault(CONFIRM["v1"], "drop_before")
    with pytest.raises(OutcomeUnknown):
        put(destination, data, journal)
    assert put(destination, data, Journal(), journal.state).checksum == digests(data).sha1
    assert received(devserver) == size


def test_a_confirmation_that_came_through_unheard_is_found_by_asking(devserver, destination):
    """Parts can be put together once: only the content itself tells that they were."""
    data, journal = os.urandom(PARTS), Journal()
    devserver.fault(CONFIRM["v1"], "drop_after")
    with pytest.raises(OutcomeUnknown):
        put(destination, data, journal)
    assert has(destination, data)


@pytest.mark.parametrize("what", [{}, {"expires": "x"}, {"parts": []}])
def test_a_progress_that_says_too_little_is_begun_anew(devserver, destination, what):
    data, journal = os.urandom(PARTS), Journal()
    devserver.fault(CONFIRM["v1"], "drop_before")
    with pytest.raises(OutcomeUnknown):
        put(destination, data, journal)
    state = journal.state
    state.parts = {**state.parts, **what} if what else {}
    put(destination, data, resume=state)
    assert has(destination, data)


def test_a_place_that_the_server_gave_up_is_forgotten_and_the_file_sent_anew(devserver, destination):
    data, journal = os.urandom(PARTS), Journal(5)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    devserver.fault(CONFIRM["v1"], "status", code=400, body={"file_key": ["Unknown."]})
    again = Journal()
    with pytest.raises(Busy, match=r"Unknown.*sent anew") as later:
        put(destination, data, again, journal.state)
    assert (later.value.scope, again.state) == ("call", None)


# --- Expiry


def test_a_url_that_expired_before_it_was_used_is_asked_for_anew(devserver, destination):
    data, journal = os.urandom(PARTS), Journal(5)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    state = journal.state
    state.parts["etags"].pop("1", None)
    state.parts["expires"] = time.time() - 1
    put(destination, data, resume=state)
    assert has(destination, data)
    assert requests(devserver, ISSUE["v1"]) == 3


@SIZES
@pytest.mark.parametrize("where", ["PUT object*", ISSUE["v1"]], ids=["storage", "issued so"])
def test_a_storage_that_calls_a_url_expired_makes_the_next_attempt_ask_for_another(devserver, destination, size, where):
    data, journal = os.urandom(size), Journal()
    destination.recall(Learned(presigned="v1"))
    devserver.fault(where, "expired_url")
    with pytest.raises(Busy, match="AccessDenied: Request has expired") as expired:
        put(destination, data, journal)
    assert (expired.value.scope, expired.value.status, journal.state) == ("call", 403, None)
    put(destination, data, journal, journal.state)
    assert has(destination, data)


def test_small_contents_whose_url_expired_in_the_queue_are_not_sent(devserver, destination, monkeypatch):
    data = os.urandom(300)
    monkeypatch.setattr(presigned_small, "time", SimpleNamespace(time=lambda: 4e9, monotonic=time.monotonic))
    (outcome,) = send_small(destination, held(data))
    assert isinstance(outcome, Busy)
    assert "expired before it was sent" in str(outcome)
    assert objects(devserver) == 0


# --- A storage in trouble


TROUBLE = [
    ("status", {"code": 503}, "503"),
    ("html", {"code": 403}, "by a proxy"),
    ("drop_before", {}, "connection broke"),
    ("drop_after", {}, "connection broke"),
    ("missing_etag", {}, "without an ETag"),
]


@SIZES
@pytest.mark.parametrize(("kind", "parameters", "words"), TROUBLE, ids=[row[0] for row in TROUBLE])
def test_a_put_that_fails_costs_one_attempt_of_one_content_and_its_place_is_kept(
    devserver, destination, size, kind, parameters, words
):
    data, journal = os.urandom(size), Journal()
    devserver.fault("PUT object*", kind, **parameters)
    with pytest.raises(Busy, match=words) as later:
        put(destination, data, journal)
    assert (later.value.scope, later.value.retry, later.value.applied) == ("call", "later", "no")
    assert put(destination, data, journal, journal.state).checksum == digests(data).sha1
    assert received(devserver) <= 2 * size
    assert requests(devserver, ISSUE["v1"]) == (2 if size == PARTS else 3), "parts that arrived keep their place"


@pytest.mark.parametrize(("kind", "parameters", "words"), TROUBLE[:4], ids=[row[0] for row in TROUBLE[:4]])
def test_a_small_put_that_fails_takes_no_other_down(devserver, destination, kind, parameters, words):
    contents = [os.urandom(300) for _ in range(20)]
    devserver.fault("PUT object/", kind, **parameters)
    outcomes = send_small(destination, *map(held, contents))
    (failed,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert failed.scope == "call"
    assert sum(has(destination, data) for data in contents) == 19


def test_a_corrupted_part_is_noticed_by_its_etag_and_sent_again(devserver, destination):
    data, journal = os.urandom(PARTS), Journal()
    devserver.fault("PUT object/part/", "corrupt")
    with pytest.raises(Busy, match="received other bytes"):
        put(destination, data, journal)
    assert len(journal.state.parts["etags"]) < 5
    put(destination, data, journal, journal.state)
    assert has(destination, data)


@WAYS
def test_a_corrupted_object_is_noticed_though_the_server_takes_our_word(start, way):
    server, _ = start(presigned_check=False)
    data = os.urandom(300)
    with presigning(server) as destination:
        way(destination, b"a first content tells what ETags are")
        server.fault("PUT object/", "corrupt")
        with pytest.raises(Busy, match="received other bytes"):
            way(destination, data)
        assert not has(destination, data)


@pytest.mark.parametrize("etags", ["md5", "opaque"])
@WAYS
@SIZES
def test_corrupted_bytes_are_never_a_data_file_where_the_server_checks(start, etags, way, size):
    server, _ = start(etags=etags, multipart_threshold=64 * KIB, part_size=PART)
    data = os.urandom(size)
    server.fault("PUT object*", "corrupt")
    with presigning(server) as destination:
        with pytest.raises(Busy, match=r"received other bytes|the server refuses what was sent"):
            way(destination, data)
        assert server.stats()["data_files"] == 0
        way(destination, data)
        assert has(destination, data)


# --- What the server answers


@APIS
@WAYS
def test_a_success_that_is_none_is_a_failure_with_the_servers_words(devserver, api, way):
    devserver.fault(CONFIRM[api], "success_false")
    with presigning(devserver, api) as destination, pytest.raises(Busy, match="A fault, on purpose") as refused:
        way(destination, os.urandom(SINGLE))
    assert refused.value.scope == "call"


@APIS
@pytest.mark.parametrize("route", [ISSUE, CONFIRM], ids=["issue", "confirm"])
def test_answers_in_another_order_go_to_the_right_contents(devserver, api, route):
    """Many files have the same name; whichever of their places one takes, what it holds is confirmed as what it is."""
    contents = [held(os.urandom(300 + n), name) for n, name in enumerate(["a.png", "b.png", "c.png"] * 5)]
    devserver.fault(route[api], "reorder_results", times=None)
    with presigning(devserver, api) as destination:
        outcomes = dict(zip(contents, send_small(destination, *contents), strict=True))
        for content, outcome in outcomes.items():
            if isinstance(outcome, Exception):  # a place for another size: asked for anew
                assert outcome.scope == "call"
            else:
                assert outcome.checksum == content.digests.sha1
    assert any(not isinstance(outcome, Exception) for outcome in outcomes.values())


def test_one_refused_file_takes_no_other_of_its_batch_down(devserver, destination):
    """A name of no characters is what the server refuses, with the whole batch."""
    contents = [held(b"content %d" % n, f"{n}.png") for n in range(30)]
    contents[17] = held(b"nameless", "")
    outcomes = send_small(destination, *contents)
    assert isinstance(outcomes[17], Rejected)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [17]


# --- Content that is not what it was


@pytest.mark.parametrize(
    ("size", "position", "reading"),
    [(SINGLE, 5, 1), (SINGLE, SINGLE - 1, 1)]
    + [(PARTS, at, reading) for at in (5, 2 * PART + 7, PARTS - 1) for reading in (1, 2)],
)
def test_a_content_that_changes_while_it_is_sent_is_never_confirmed(devserver, destination, size, position, reading):
    data, journal = os.urandom(size), Journal()
    files = devserver.stats()["data_files"]
    with pytest.raises(ContentMismatch, match=r"사진 1\.png"):
        put(destination, data, journal, stream=Changing(data, position, reading))
    assert journal.state is None
    assert devserver.stats()["data_files"] == files
    assert requests(devserver, CONFIRM["v1"]) == 0


def test_a_part_that_was_sent_and_has_changed_since_is_never_confirmed(devserver, destination):
    data, journal = os.urandom(PARTS), Journal(1)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    other = bytes([data[0] ^ 1]) + data[1:]
    with pytest.raises(ContentMismatch):
        put(destination, data, journal, journal.state, stream=io.BytesIO(other))
    assert requests(devserver, CONFIRM["v1"]) == 0


def test_parts_that_were_sent_of_another_content_are_sent_again(devserver, destination):
    """The file was another one for a while, and was put back before anybody knew."""
    data, other, journal = os.urandom(PARTS), os.urandom(PARTS), Journal(1)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal, stream=io.BytesIO(other))
    put(destination, data, resume=journal.state)
    assert has(destination, data)
    assert not has(destination, other)


@WAYS
@SIZES
@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_file_of_another_length_is_never_confirmed(devserver, destination, way, size, change):
    data = os.urandom(size)
    actual = data[:-1] if change == "shorter" else data + b"x"
    if way is send:
        with pytest.raises(ContentMismatch):
            put(destination, data, stream=io.BytesIO(actual))
    else:
        (outcome,) = send_small(destination, held(data, actual=actual))
        assert isinstance(outcome, ContentMismatch)
    assert requests(devserver, CONFIRM["v1"]) == 0


@pytest.mark.parametrize(("size", "reading"), [(SINGLE, 1), (PARTS, 1), (PARTS, 2)])
def test_a_file_that_cannot_be_read_is_not_taken_for_a_connection_that_failed(destination, size, reading):
    class Failing(Changing):
        def read(self, size=-1):
            before = self._left
            data = super().read(size)
            if self._left < before and self._left <= 0:
                raise OSError("I/O error")
            return data

    data = os.urandom(size)
    with pytest.raises(FileUnreadable, match="I/O error"):
        put(destination, data, stream=Failing(data, 5, reading))


def test_an_unreadable_small_file_takes_no_other_down(destination):
    gone = FileUnreadable("a.png is gone")
    contents = [held(b"1"), held(b"2")._replace(data=gone), held(b"3")]
    first, second, third = send_small(destination, *contents)
    assert second is gone
    assert first.checksum
    assert third.checksum


# --- Who issues URLs


def test_a_storage_that_cannot_presign_is_asked_once_and_files_go_through_the_api(start):
    server, _ = start(provider="azure")
    with presigning(server, direct_limit=50 * KIB, chunk_size=40 * KIB) as destination:
        for size in (300, SINGLE, 60 * KIB):
            data = os.urandom(size)
            put(destination, data)
            assert has(destination, data)
        send_one_small(destination, b"small")
        assert destination.learned.presigned == "no"
    assert requests(server, ISSUE["v1"]) == 1
    assert requests(server, "PUT chunked_upload/") == 1


def test_urls_that_v2_refuses_are_taken_from_v1(devserver):
    with presigning(devserver, "v2") as destination:
        devserver.fault(ISSUE["v2"], "status", times=None, code=400, body={"error": {"message": "no presigning"}})
        send(destination, os.urandom(SINGLE))
        assert destination.learned.presigned == "v1"
    assert requests(devserver, CONFIRM["v1"]) == 1


@WAYS
def test_a_page_that_is_not_the_servers_own_decides_for_now_only(devserver, destination, way):
    devserver.fault(ISSUE["v1"], "html", code=404)
    way(destination, os.urandom(300))
    assert destination.learned.presigned == ""
    way(destination, os.urandom(301))
    assert destination.learned.presigned == "v1"


@WAYS
@pytest.mark.parametrize("kind", ["status", "drop_before"])
def test_while_it_is_open_whether_there_are_urls_nothing_is_sent(devserver, destination, way, kind):
    devserver.fault(ISSUE["v1"], kind)
    with pytest.raises(DestinationError):
        way(destination, os.urandom(300))
    assert destination.learned.presigned != "no"
    assert received(devserver) == 0


def test_a_failed_question_fails_one_small_content_and_not_all_that_come_after_it(devserver, destination):
    devserver.fault(ISSUE["v1"], "html", code=403)
    outcomes = send_small(destination, *(held(os.urandom(300)) for _ in range(5)))
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [True, False, False, False, False]


@WAYS
def test_a_provider_that_no_longer_presigns_is_noticed(start, way):
    server, _ = start(provider="azure")
    with presigning(server) as destination:
        destination.recall(Learned(presigned="v1"))
        with pytest.raises(Busy, match="no longer issues any"):
            way(destination, b"x")
        way(destination, b"x")
        assert destination.learned.presigned == "no"


@WAYS
def test_presigned_and_nothing_else_where_there_is_none_is_said(start, way):
    server, _ = start(provider="azure")
    with presigning(server, route="presigned") as destination, pytest.raises(Busy, match="no presigned URLs") as told:
        way(destination, b"x")
    assert 'route = "auto"' in told.value.hint


@pytest.mark.parametrize(("stored", "asked"), [("mixed", "sha1"), ("sha1", "sha1"), ("md5", "md5")])
def test_what_contents_are_confirmed_with_follows_what_confirmations_answered(start, stored, asked):
    server, _ = start(checksum=stored, empty_files="accept")
    with presigning(server) as destination:
        send(destination, b"")  # by another route, which may go by another algorithm
        assert destination.algorithm == "sha1"
        for data in (b"first", b"second"):
            assert send(destination, data).checksum == getattr(digests(data), asked)
        assert destination.algorithm == asked


# --- Large files, many files, the end


class Endless(io.RawIOBase):
    """A file of any size that is made as it is read."""

    BLOCK = bytes(range(256)) * 256

    def __init__(self, size):
        self._size, self._position = size, 0

    def seek(self, position, whence=0):
        self._position = position
        return position

    def read(self, size=-1):
        size = min(size, self._size - self._position, len(self.BLOCK))
        self._position += size
        return self.BLOCK[:size]


def test_a_large_file_takes_no_memory(start):
    size = 300 << 20
    server, _ = start(multipart_threshold=64 << 20, part_size=64 << 20, presigned_check=False)
    md5, sha1, stream = hashlib.md5(), hashlib.sha1(), Endless(size)
    while block := stream.read(1 << 16):
        md5.update(block)
        sha1.update(block)
    whole = Digests(md5.hexdigest(), sha1.hexdigest(), size)
    with presigning(server) as destination:
        destination.remember(presigned="v1")
        tracemalloc.start()
        try:
            destination.put(destination.collection, Endless(size), "big.bin", whole, None, Journal())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert received(server) == size
    assert peak < 20 << 20


@pytest.mark.parametrize("kind", ["none", "html", "status", "drop_before", "expired_url", "missing_etag", "corrupt"])
@WAYS
def test_no_error_holds_a_url_or_a_token(devserver, destination, way, kind):
    size = 300
    way(destination, b"known")
    if kind == "none":  # nobody listens there any more
        devserver._backend.storage_port = 1
    else:
        devserver.fault("PUT object/", kind)
    try:
        with pytest.raises(DestinationError) as failed:
            way(destination, os.urandom(size))
    finally:
        devserver._backend.storage_port = int(devserver.storage_url.rpartition(":")[2])
    error = failed.value
    while error is not None:
        for secret in ("X-Amz", "Signature=", TOKEN, "tenants/1"):
            assert secret not in str(error) + repr(error) + getattr(error, "hint", "")
        error = error.__cause__


def test_small_contents_that_have_not_gone_out_are_dropped_at_the_end(devserver, destination):
    """They wait for the storage with their URLs; the end does not wait for them."""
    destination.remember(presigned="v1")
    queue, stopping, outcomes = SimpleQueue(), threading.Event(), []
    devserver.fault("PUT object/", "delay", times=None, seconds=0.3)
    for n in range(300):
        queue.put(held(b"%d" % n))

    def done(content, outcome):
        outcomes.append(outcome)
        if not stopping.is_set():
            stopping.set()
            queue.put(None)

    destination.put_small(destination.collection, queue, done, stopping)
    assert 0 < len(outcomes) < 100
    assert objects(devserver) < 100
    assert all(not isinstance(outcome, Exception) for outcome in outcomes)
