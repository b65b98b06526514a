"""Our client's upload routes against the embedded backend: what arrives, what resumes, and what never gets in."""

import contextlib
import io
import os
import random

import pytest

from synapse_sync.destinations.synapse.upload.unfinished import Pace
from synapse_sync.errors import Busy, ContentMismatch, FileUnreadable, OutcomeUnknown, Rejected
from synapse_sync.records import UploadProgress
from tests.contract.client import classic, digests

KIB = 1024
CHUNK = 100 * KIB


@pytest.fixture
def destination(devserver):
    """A destination to which everything over 250 KiB is large, and that does not wait long for lost outcomes."""
    made = connect(devserver)
    yield made
    made.close()


def connect(server):
    pace = Pace(pause=0.01, patience=0.2)
    return classic(server.url, "syn_dev", direct_limit=250 * KIB, chunk_size=CHUNK, pace=pace)


def data_of(size):
    return os.urandom(size)


class Journal:
    """What a ledger would keep: the last progress; may be told to die when a chunk has been acknowledged."""

    def __init__(self, die_at=None):
        self.state = None
        self.sent = 0
        self.calls = 0
        self.die_at = die_at

    def __call__(self, state, sent):
        self.state = UploadProgress(state.route, state.upload_id, state.offset, dict(state.parts))
        self.sent += sent
        self.calls += 1
        if self.calls == self.die_at:
            raise KeyboardInterrupt


def put(destination, data, journal=None, resume=None, name='사진 "1" %.png', actual=None):
    stream = io.BytesIO(data if actual is None else actual)
    return destination.put(1, stream, name, digests(data), resume, journal or Journal())


def has(destination, data):
    return digests(data) in destination.present([digests(data)])


def requests(server, *fragments):
    return sum(count for route, count in server.stats()["requests"].items() if all(part in route for part in fragments))


@pytest.mark.parametrize("size", [1, 9000, 200 * KIB])
def test_a_small_file_goes_up_in_one_request_with_its_checksum_verbatim(devserver, destination, size):
    data, journal = data_of(size), Journal()
    reference = put(destination, data, journal)
    assert reference.checksum in digests(data)
    assert isinstance(reference.data_file, int)
    assert has(destination, data)
    assert requests(devserver, "POST data_files/") - requests(devserver, "verify") == 1
    assert (journal.sent, journal.state.upload_id) == (size, "")


def test_a_file_too_large_for_memory_is_streamed(devserver, tmp_path):
    data = data_of(3 * 1024 * KIB)
    (tmp_path / "big").write_bytes(data)
    destination = classic(devserver.url, "syn_dev")
    with open(tmp_path / "big", "rb") as stream:
        destination.put(1, stream, "big.bin", digests(data), None, Journal())
    assert has(destination, data)
    assert requests(devserver, "chunked_upload") == 0
    destination.close()


@pytest.mark.parametrize("size", [9000, 3 * 1024 * KIB])
@pytest.mark.parametrize("change", ["other bytes", "longer", "shorter"])
def test_a_file_that_changed_is_never_taken_by_the_server(devserver, size, change):
    data = data_of(size)
    actual = {"other bytes": data_of(size), "longer": data + b"x", "shorter": data[:-1]}[change]
    destination = classic(devserver.url, "syn_dev")
    files = devserver.stats()["data_files"]
    with pytest.raises(ContentMismatch, match=r"a\.bin"):
        put(destination, data, actual=actual, name="a.bin")
    assert devserver.stats()["data_files"] == files
    assert not has(destination, data)
    assert not has(destination, actual)
    destination.close()


@pytest.mark.parametrize("size", [251 * KIB, 3 * CHUNK, 3 * CHUNK + 1])
def test_a_large_file_goes_up_in_chunks_each_reported_before_the_next(devserver, destination, size):
    data, journal = data_of(size), Journal()
    reference = put(destination, data, journal)
    assert reference.checksum in digests(data)
    assert has(destination, data)
    assert requests(devserver, "PUT chunked_upload/") == -(-size // CHUNK)
    assert journal.sent == size
    assert (journal.state.route, journal.state.offset) == ("chunked", size)


@pytest.mark.parametrize("ids", ["uuid", "int"])
@pytest.mark.parametrize("die_at", [1, 2, 3, 4])
def test_an_upload_killed_after_any_step_resumes_and_sends_nothing_twice(start, ids, die_at):
    """Steps 1 to 3 are chunks; step 4 is the moment before finalize."""
    data, journal = data_of(3 * CHUNK), Journal(die_at)
    server, _ = start(chunked_ids=ids)
    first, second = connect(server), connect(server)
    with pytest.raises(KeyboardInterrupt):
        put(first, data, journal)
    first.close()
    put(second, data, resume=journal.state)
    assert has(second, data)
    assert server.stats()["bytes_received"] == len(data)
    second.close()


def test_an_upload_killed_before_a_chunk_was_recorded_goes_on_from_the_servers_offset(devserver, destination):
    data, journal = data_of(3 * CHUNK), Journal(2)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    journal.state.offset = CHUNK  # as if the second chunk's acknowledgement had not been stored
    put(destination, data, resume=journal.state)
    assert has(destination, data)
    assert devserver.stats()["bytes_received"] == len(data)


def test_an_upload_that_was_complete_needs_only_its_claim(devserver, destination):
    data, journal = data_of(3 * CHUNK), Journal()
    devserver.fault("POST data_files/", "drop_before")
    with pytest.raises(OutcomeUnknown):
        put(destination, data, journal)
    assert not has(destination, data)
    put(destination, data, journal, resume=journal.state)
    assert has(destination, data)
    assert devserver.stats()["bytes_received"] == len(data)
    assert requests(devserver, "POST chunked_upload/{id}/") == 1


@pytest.mark.parametrize("kind", ["drop_after", "cut_body"])
def test_a_chunk_whose_answer_was_lost_is_not_sent_again(devserver, destination, kind):
    data, journal = data_of(3 * CHUNK), Journal()
    devserver.fault("PUT chunked_upload/{id}/", kind)
    put(destination, data, journal)
    assert has(destination, data)
    assert devserver.stats()["bytes_received"] == len(data)
    assert journal.sent == len(data)


def test_a_chunk_that_did_not_arrive_ends_the_attempt_and_the_next_one_resumes_there(devserver, destination):
    data, journal = data_of(3 * CHUNK), Journal()
    devserver.fault("PUT chunked_upload/{id}/", "drop_before")
    with pytest.raises(Busy, match="did not arrive") as later:
        put(destination, data, journal)
    assert (later.value.scope, later.value.retry, later.value.applied) == ("call", "later", "no")
    assert journal.state.offset == CHUNK
    put(destination, data, journal, resume=journal.state)
    assert has(destination, data)


def test_a_first_chunk_whose_answer_was_lost_is_given_up_to_expire(devserver, destination):
    data, journal = data_of(3 * CHUNK), Journal()
    devserver.fault("PUT chunked_upload/", "drop_after")
    with pytest.raises(Busy):
        put(destination, data, journal)
    assert journal.state is None
    put(destination, data, journal)
    assert has(destination, data)


@pytest.mark.parametrize("kind", ["drop_after", "cut_body"])
def test_a_finalize_whose_answer_was_lost_is_asked_about_and_not_repeated(devserver, destination, kind):
    data = data_of(3 * CHUNK)
    devserver.fault("POST chunked_upload/{id}/", kind)
    put(destination, data)
    assert has(destination, data)
    assert requests(devserver, "POST chunked_upload/{id}/") == 1


def test_a_finalize_that_did_not_arrive_is_waited_for_then_left_and_repeated_by_the_next_attempt(
    devserver, destination
):
    data, journal = data_of(3 * CHUNK), Journal()
    devserver.fault("POST chunked_upload/{id}/", "drop_before")
    with pytest.raises(Busy, match="in time"):
        put(destination, data, journal)
    put(destination, data, journal, resume=journal.state)
    assert has(destination, data)
    assert devserver.stats()["bytes_received"] == len(data)


def test_a_finalize_that_the_server_refused_for_now_is_not_waited_for(devserver, destination):
    data, journal = data_of(3 * CHUNK), Journal()
    devserver.fault("POST chunked_upload/{id}/", "status", code=503, retry_after=3)
    with pytest.raises(Busy) as busy:
        put(destination, data, journal)
    assert busy.value.retry_after == 3
    assert journal.state.parts == {}
    put(destination, data, journal, resume=journal.state)
    assert has(destination, data)


def test_a_finalize_delivered_twice_counts_as_done(devserver, destination):
    """The second delivery is answered with 400, "already complete" (protocol §4.3)."""
    data = data_of(3 * CHUNK)
    devserver.fault("POST chunked_upload/{id}/", "duplicate_delivery", answer="second")
    put(destination, data)
    assert has(destination, data)


def test_bytes_changed_on_the_way_are_never_claimed_and_the_next_attempt_starts_anew(devserver, destination):
    """Another client's chunk gets into our upload: the server's MD5 of the whole is not ours."""
    data, journal = data_of(3 * CHUNK), Journal(1)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    stranger = connect(devserver)
    with pytest.raises(KeyboardInterrupt):
        put(stranger, data_of(3 * CHUNK), Journal(2), resume=journal.state)
    stranger.close()
    files = devserver.stats()["data_files"]
    with pytest.raises(ContentMismatch, match="md5"):
        put(destination, data, journal, resume=journal.state)
    assert devserver.stats()["data_files"] == files
    assert journal.state.upload_id == ""
    put(destination, data, resume=journal.state)
    assert has(destination, data)


@pytest.mark.parametrize("change", ["other bytes", "longer", "shorter"])
def test_a_large_file_that_changed_is_never_finalized(devserver, destination, change):
    data = data_of(3 * CHUNK)
    actual = {"other bytes": data_of(len(data)), "longer": data + b"x", "shorter": data[:-1]}[change]
    with pytest.raises(ContentMismatch, match=r"a\.bin"):
        put(destination, data, actual=actual, name="a.bin")
    assert requests(devserver, "POST chunked_upload/{id}/") == 0
    assert not has(destination, actual)


def test_a_large_file_that_changed_between_two_attempts_is_never_finalized(devserver, destination):
    """The first chunk, which a resumed upload no longer sends, is compared all the same."""
    data, journal = data_of(3 * CHUNK), Journal(1)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    with pytest.raises(ContentMismatch):
        put(destination, data, journal, resume=journal.state, actual=b"?" + data[1:])
    assert requests(devserver, "POST chunked_upload/{id}/") == 0


def test_an_upload_that_the_server_no_longer_has_begins_anew(devserver, destination):
    data, journal = data_of(3 * CHUNK), Journal()
    lost = UploadProgress("chunked", "11111111-2222-3333-4444-555555555555", CHUNK)
    put(destination, data, journal, resume=lost)
    assert has(destination, data)
    assert journal.sent == len(data)


def test_an_upload_that_expired_is_forgotten_and_begins_anew(start):
    data, journal = data_of(3 * CHUNK), Journal(1)
    server, _ = start(chunked_expiry=-1.0)
    destination = connect(server)
    with pytest.raises(KeyboardInterrupt):
        put(destination, data, journal)
    with pytest.raises(Busy, match="anew"):
        put(destination, data, journal, resume=journal.state)
    assert journal.state.upload_id == ""
    destination.close()


def test_a_claim_that_was_used_up_unseen_makes_the_next_attempt_begin_anew(start):
    data, journal = data_of(3 * CHUNK), Journal()
    server, _ = start(chunked_once=True)
    destination = connect(server)
    server.fault("POST data_files/", "drop_after")
    with pytest.raises(OutcomeUnknown):
        put(destination, data, journal)
    assert has(destination, data)
    with pytest.raises(Busy, match="anew"):
        put(destination, data, journal, resume=journal.state)
    assert journal.state.upload_id == ""
    destination.close()


def test_a_direct_upload_whose_answer_was_lost_is_unknown_and_can_be_looked_up(devserver, destination):
    arrived, lost = data_of(9000), data_of(9000)
    devserver.fault("POST data_files/", "drop_after")
    with pytest.raises(OutcomeUnknown) as unknown:
        put(destination, arrived)
    assert unknown.value.applied == "maybe"
    assert has(destination, arrived)
    devserver.fault("POST data_files/", "drop_before")
    with pytest.raises(OutcomeUnknown):
        put(destination, lost)
    assert not has(destination, lost)


def test_a_file_that_the_server_refuses_is_rejected_with_its_words(devserver, destination):
    with pytest.raises(Rejected, match=r"could not upload empty\.txt: the server answered 400: .*empty"):
        put(destination, b"", name="empty.txt")


class Failing(io.BytesIO):
    """A disk that fails after the first 200 KiB."""

    def read(self, size=-1):
        if self.tell() >= 200 * KIB:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("limit", [50 * 1024 * KIB, 250 * KIB])
def test_a_disk_that_fails_while_sending_is_the_files_fault_on_both_routes(devserver, limit):
    data = data_of(3 * 1024 * KIB)
    destination = classic(devserver.url, "syn_dev", direct_limit=limit, chunk_size=CHUNK)
    with pytest.raises(FileUnreadable, match=r"a\.bin"):
        destination.put(1, Failing(data), "a.bin", digests(data), None, Journal())
    assert not has(destination, data)
    destination.close()


@pytest.mark.parametrize("seed", range(6))
def test_through_random_faults_a_large_file_arrives_whole_and_is_stored_once(devserver, destination, seed):
    """Whatever each attempt meets, attempts that keep the progress end with the right bytes on the server."""
    dice = random.Random(seed)
    data, journal = data_of(3 * CHUNK + dice.randrange(5000)), Journal()
    files = devserver.stats()["data_files"]
    for route in ("PUT chunked_upload/", "PUT chunked_upload/{id}/", "POST chunked_upload/{id}/", "POST data_files/"):
        kind = dice.choice(["drop_before", "drop_after", "cut_body", "html", "status", "duplicate_delivery"])
        devserver.fault(route, kind, after=dice.randrange(2))
    for _ in range(12):
        with contextlib.suppress(Busy, OutcomeUnknown):
            put(destination, data, journal, resume=journal.state)
        if has(destination, data):
            break
    assert has(destination, data)
    assert devserver.stats()["data_files"] == files + 1
