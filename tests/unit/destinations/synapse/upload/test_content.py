"""What is sent is exactly the content that was observed, and a changed file is noticed before it is complete."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.files import content_ref
from synapse_sync.destinations.synapse.upload import multipart
from synapse_sync.destinations.synapse.upload.content import Content
from synapse_sync.errors import ContentMismatch, FileUnreadable, OutcomeUnknown
from synapse_sync.records import ContentRef, Digests


def digests(data):
    return Digests(hashlib.md5(data).hexdigest(), hashlib.sha1(data).hexdigest(), len(data))


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_however_one_goes_forward_and_back_the_whole_content_comes_out_and_verifies(data, stops):
    content = Content(io.BytesIO(data), "a.bin", digests(data))
    for stop in stops:
        if stop < content.position:
            content.back()
        mark = content.mark()
        content.advance(min(stop, len(data)))
        content.back(mark)
        assert b"".join(content.pieces(min(stop, len(data)))) == data[mark.position : stop]
    content.advance(len(data))
    content.verify()


@pytest.mark.parametrize("actual", [b"same length!", b"longer than it was", b"short"])
def test_another_content_does_not_verify(actual):
    content = Content(io.BytesIO(actual), "a.bin", digests(b"original one"))
    with pytest.raises(ContentMismatch, match=r"a\.bin"):
        hand_out(content)


def hand_out(content):
    content.advance(content.digests.size)
    content.verify()


class Failing(io.BytesIO):
    def read(self, size=-1):
        raise OSError(5, "Input/output error")


def test_a_disk_error_is_the_files_and_not_the_connections():
    content = Content(Failing(b"x"), "a.bin", digests(b"x"))
    with pytest.raises(FileUnreadable, match=r"a\.bin.*Input/output error"):
        list(content.pieces(1))


def test_a_returned_checksum_is_compared_by_its_length_and_kept_verbatim():
    ours = digests(b"x")
    assert content_ref({"id": 3, "checksum": ours.md5.upper()}, ours, "upload") == ContentRef(ours.md5.upper(), 3)
    assert content_ref({"checksum": ours.sha1}, ours, "upload") == ContentRef(ours.sha1)
    assert content_ref({"checksum": "f" * 64}, ours, "upload") == ContentRef("f" * 64)
    for wrong in ("0" * 32, "0" * 40):
        with pytest.raises(ContentMismatch, match="upload"):
            content_ref({"checksum": wrong}, ours, "upload")


@pytest.mark.parametrize("answer", [None, [], {}, {"checksum": None}, {"checksum": ""}, "x"])
def test_an_answer_that_is_no_data_file_leaves_the_upload_unknown(answer):
    with pytest.raises(OutcomeUnknown):
        content_ref(answer, digests(b"x"), "upload")


def test_a_file_name_is_quoted_as_browsers_do_and_can_add_no_header():
    head = multipart.head('a"b\r\nX: y 사진.png', {"filename": "a"})
    assert 'filename="a%22b%0D%0AX: y 사진.png"'.encode() in head
    assert head.count(b"\r\n\r\n") == 2
    multipart.head("\udcff.png")
