"""Chunked uploads whose server is not where one would think: its own offset decides (protocol §4.3)."""

import io
import re
import time

import pytest

from synapse_sync.destinations.synapse.upload.unfinished import Pace
from synapse_sync.errors import Busy, Rejected
from synapse_sync.records import UploadProgress
from tests.contract.client import connected, digests
from tests.contract.scripted import answer, scripted

DATA = bytes(range(256)) * 40
CLAIMED = answer({"id": 1, "checksum": digests(DATA).md5}, "201 Created")


def state(offset, completed_at=None, status="200 OK"):
    return answer({"id": 7, "offset": offset, "completed_at": completed_at}, status)


def put_in_chunks(server, resume=None, chunk_size=4096):
    options = {"direct_limit": 0, "chunk_size": chunk_size, "pace": Pace(pause=0.01, patience=0.2)}
    with connected(server.url, **options) as destination:
        destination.put(1, io.BytesIO(DATA), "a.bin", digests(DATA), resume, lambda state, sent: None)


def sent(server):
    """What was sent: method and path, and for chunks the range and whether the bytes are those of the range."""
    for head, body in server.requests:
        line = " ".join(head.split(" ")[:2])
        span = re.search(r"Content-Range: bytes (\d+)-(\d+)/10240", head)
        if span is None:
            yield line
        else:
            first, last = int(span[1]), int(span[2])
            assert DATA[first : last + 1] + b"\r\n--" in body
            yield f"{line} {first}-{last}"


def test_after_a_chunk_that_was_taken_in_part_the_rest_follows_from_the_servers_offset():
    with scripted(state(4096), state(6000), state(10096), state(10240), answer({}), CLAIMED) as server:
        put_in_chunks(server)
    assert list(sent(server)) == [
        "PUT /chunked_upload/ 0-4095",
        "PUT /chunked_upload/7/ 4096-8191",
        "PUT /chunked_upload/7/ 6000-10095",
        "PUT /chunked_upload/7/ 10096-10239",
        "POST /chunked_upload/7/",
        "POST /data_files/",
    ]


def test_after_a_chunk_of_an_earlier_attempt_arrived_late_the_upload_goes_on_behind_it():
    """The server stands at 8192 and refuses what starts at 4096; that is no reason to give up, nor to resend."""
    differ = answer({"detail": "Offsets do not match", "expected_offset": 8192}, "400 Bad Request")
    late = (state(4096), differ, state(6000), state(8192), state(8192))
    with scripted(*late, state(10240), answer({}), CLAIMED) as server:
        put_in_chunks(server, resume=UploadProgress("chunked", "7", 4096))
    assert list(sent(server)) == [
        "GET /chunked_upload/7/",
        "PUT /chunked_upload/7/ 4096-8191",
        *["GET /chunked_upload/7/"] * 3,
        "PUT /chunked_upload/7/ 8192-10239",
        "POST /chunked_upload/7/",
        "POST /data_files/",
    ]


def test_an_upload_longer_than_the_file_is_not_ours_and_a_new_one_begins():
    with scripted(state(10241), state(10240), answer({}), CLAIMED) as server:
        put_in_chunks(server, resume=UploadProgress("chunked", "7", 4096), chunk_size=20000)
    assert list(sent(server))[1] == "PUT /chunked_upload/ 0-10239"


@pytest.mark.parametrize("offset", [0, 4096, -1, 99999])
def test_a_server_whose_offset_makes_no_sense_is_left_and_the_upload_forgotten(offset):
    with (
        scripted(state(4096), state(offset)) as server,
        pytest.raises(Busy, match="sent anew"),
    ):
        put_in_chunks(server)


def test_a_finalize_that_an_earlier_process_sent_is_waited_for_and_not_sent_again():
    """The process was killed while the server put the file together."""
    killed = UploadProgress("chunked", "7", 10240, {"finalizing": time.time() - 0.05})
    with scripted(state(10240), state(10240), state(10240, "2026-01-01T00:00:00Z"), CLAIMED) as server:
        put_in_chunks(server, resume=killed)
    assert list(sent(server)) == [*["GET /chunked_upload/7/"] * 3, "POST /data_files/"]


NO = answer({"detail": "File type is not allowed."}, "400 Bad Request")


@pytest.mark.parametrize("replies", [(NO,), (state(4096), NO, state(4096), state(4096))])
def test_a_chunk_that_the_server_refuses_though_it_stands_where_we_thought_is_rejected_for_good(replies):
    with scripted(*replies) as server, pytest.raises(Rejected, match="not allowed"):
        put_in_chunks(server)
