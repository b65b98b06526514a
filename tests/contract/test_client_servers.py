"""Our client with servers that lack something, say it otherwise, or answer oddly."""

import json
from dataclasses import replace

import pytest

from synapse_sync.destinations.synapse.upload.presigned import Presigned, Sent
from synapse_sync.errors import CollectionUnusable, Rejected
from synapse_sync.records import ContentRef
from tests.contract.client import connected, digests, send, unit
from tests.contract.openapi import validate_request
from tests.contract.scripted import answer, scripted

HTML_404 = answer("<h1>Not Found</h1>", "404 Not Found")


@pytest.mark.parametrize("missing", [HTML_404, answer({"detail": "Not found."}, "404 Not Found")])
def test_check_is_content_with_collections_where_the_server_tells_no_user(missing):
    with scripted(missing, answer({"results": []})) as server, connected(server.url) as destination:
        destination.check()
    assert server.requests[1][0].startswith("GET /data_collections/?page_size=1 ")


COLLECTION = {"id": 5, "name": "scans", "file_specifications": [{"name": "image_1", "file_type": "image"}]}


@pytest.mark.parametrize(
    ("reply", "extensions"),
    [
        (answer({"data": {"file_types": {"image": {"extensions": ["JPG", "png"]}}}, "meta": {}}), (".jpg", ".png")),
        (answer({"file_types": {"image": {"extensions": ["png"]}}}), (".png",)),
        (answer({"file_types": {"video": {"extensions": ["mp4"]}}}), ()),
        (HTML_404, ()),
        (answer({"detail": "no"}, "403 Forbidden"), ()),
    ],
)
def test_specs_without_extensions_take_their_types_or_are_unrestricted(reply, extensions):
    with scripted(answer(COLLECTION), reply) as server, connected(server.url) as destination:
        opened = destination.open(5)
    assert opened.specs[0].extensions == extensions


@pytest.mark.parametrize("specs", [[], None, [1, 2]])
def test_a_collection_without_specs_is_unusable(specs):
    body = {**COLLECTION, "file_specifications": specs}
    with (
        scripted(answer(body)) as server,
        connected(server.url) as destination,
        pytest.raises(CollectionUnusable, match="data collection 5 has no file specifications"),
    ):
        destination.open(5)


def test_checksums_are_asked_in_lowercase_compared_in_any_case_and_kept_verbatim():
    ours = digests(b"x")
    reply = answer({"existing_checksums": [ours.md5.upper(), ours.sha1, "f" * 40]})
    for checksum, kept in (("auto", ours.sha1), ("sha1", ours.sha1), ("md5", ours.md5.upper())):
        with scripted(reply) as server, connected(server.url, checksum=checksum) as destination:
            assert destination.present([ours]) == {ours: ContentRef(kept)}
        assert json.loads(server.requests[0][1]) == {"checksums": [ours.md5, ours.sha1]}


def test_what_is_too_large_for_a_proxy_is_rejected_whatever_page_it_answers_with():
    with (
        scripted(answer("<h1>413</h1>", "413 Too Large")) as server,
        connected(server.url) as destination,
        pytest.raises(Rejected, match="too large"),
    ):
        send(destination, b"x")


SENT = Sent("a.png", digests(b"abc"), "k", "u", {1: '"e1"', 2: '"e2"'})


@pytest.mark.usefixtures("description")
def test_our_v2_requests_are_as_the_published_description_says():
    grouped = replace(unit(2, "1" * 32, age=3), groups=("site-a", "day-2"))
    calls = [
        lambda destination: destination.open(5),
        lambda destination: destination.register(5, [unit(1, "0" * 40), grouped], destination.api),
        lambda destination: destination.create_tasks(7, 5, [1, 2], destination.api),
        lambda destination: list(destination.units(5, "v2")),
        lambda destination: Presigned(destination._transport, "v2", 5).issue([("a.png", 3)]),
        lambda destination: Presigned(destination._transport, "v2", 5).confirm([SENT], "sha1"),
    ]
    replies = [
        answer(COLLECTION),  # to v2 and v1, which are asked at the same time
        answer(COLLECTION),
        answer({"file_types": {}}),
        answer({"results": []}, "201 Created"),
        answer({"created_count": 2, "skipped_count": 0}, "201 Created"),
        answer({"data": [], "meta": {"request_id": "r"}}),
        answer({"files": [{"filename": "a.png", "file_key": "k", "presigned_url": "https://s/k", "multipart": None}]}),
        answer({"results": []}),
    ]
    with scripted(*replies) as server, connected(server.url, api="v2") as destination:
        for call in calls:
            call(destination)
    assert len(server.requests) == len(replies)
    v2 = [(head.split(" ", 2), body) for head, body in server.requests if " /v2/" in head]
    assert len(v2) == len(replies) - 1
    for (method, path, _), body in v2:
        validate_request(method, path, json.loads(body) if body else None)
