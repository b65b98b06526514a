"""Our client with issued URLs, storages and confirmations that no proper server and storage would give."""

import io
import json
import os
import re
import threading
from queue import SimpleQueue

import pytest

from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.destinations.synapse.upload import presigned_small
from synapse_sync.destinations.synapse.upload.presigned import Presigned
from synapse_sync.destinations.synapse.upload.presigned_upload import PresignedUpload
from synapse_sync.errors import Busy, DestinationError, OutcomeUnknown
from synapse_sync.records import Learned
from tests.contract.client import TOKEN, Journal, digests, held, send, send_one_small, send_small
from tests.contract.scripted import answer, scripted

WAYS = pytest.mark.parametrize("way", [send, send_one_small], ids=["put", "put_small"])
DATA = b"an image"
STORED = answer("", "200 OK", f'ETag: "{digests(DATA).md5}"')
URL = "{storage}/bucket/key?X-Amz-Signature=s3cr3t"
SOON = "2099-01-01T00:00:00Z"


def entry(storage, name="a.png", url=URL, **more):
    return {"filename": name, "file_key": f"key of {name}", "presigned_url": url.format(storage=storage.url), **more}


def issued(*entries, expires=SOON):
    return answer({"files": list(entries), "expires_at": expires})


def confirmed(*results):
    return answer({"results": list(results)})


def good(data=DATA, name="a.png", **more):
    return {"file_key": f"key of {name}", "checksum": digests(data).sha1, "data_file_id": 7, "success": True, **more}


def xml(status, code, message="so"):
    return answer(f"<?xml?><Error><Code>{code}</Code><Message>{message}</Message></Error>", status)


def knowing(api, **options):
    """A destination that knows that URLs are issued."""
    destination = SynapseDestination(api.url, TOKEN, "acme", api="v1", **options)
    destination.recall(Learned(presigned="v1"))
    return destination


def attempt(storage_answers, api_answers, way=send, data=DATA, **options):
    """(what came of sending one content, the storage's requests, the server's requests)."""
    with scripted(*storage_answers) as storage:
        answers = [made(storage) if callable(made) else made for made in api_answers]
        with scripted(*answers) as api:
            destination = knowing(api, **options)
            try:
                outcome = way(destination, data)
            except DestinationError as error:
                outcome = error
            finally:
                destination.close()
    return outcome, storage.requests, api.requests


@WAYS
def test_the_storage_gets_the_bytes_and_their_length_and_nothing_of_ours(way):
    """It has another owner; it would refuse a second kind of credentials, and a type that was not signed."""
    outcome, ((head, body),), asked = attempt(
        [STORED], [lambda storage: issued(entry(storage)), confirmed(good())], way
    )
    assert (outcome.checksum, outcome.data_file) == (digests(DATA).sha1, 7)
    assert body == DATA
    first, *lines = head.lower().split("\r\n")
    assert first == "put /bucket/key?x-amz-signature=s3cr3t http/1.1"
    names = {line.partition(":")[0] for line in lines if line}
    assert names <= {"host", "content-length", "accept-encoding", "user-agent"}
    assert f"content-length: {len(DATA)}" in lines
    assert TOKEN not in head
    (_, issue), (_, confirm) = asked
    (file,) = json.loads(issue)["files"]
    assert file == {"filename": "a.png", "size": len(DATA)}
    assert json.loads(confirm)["files"] == [
        {"file_key": "key of a.png", "checksum": digests(DATA).sha1, "size": len(DATA)}
    ]


def test_parts_are_confirmed_in_order_under_their_etags_as_they_came():
    data = os.urandom(25)
    multipart = {"upload_id": "u1", "part_size": 10}

    def parts(storage):
        urls = [{"part_number": n, "presigned_url": f"{storage.url}/k?partNumber={n}"} for n in (3, 1, 2)]
        return issued({**entry(storage), "presigned_url": None, "multipart": {**multipart, "parts": urls}})

    stored = [answer("", "200 OK", f'ETag: "opaque-{n}"') for n in range(3)]
    _, requests, (_, (_, confirm)) = attempt(stored, [parts, confirmed(good(data))], data=data)
    sent = {int(re.search(r"partNumber=(\d)", head)[1]): (body, n) for n, (head, body) in enumerate(requests)}
    assert b"".join(sent[number][0] for number in (1, 2, 3)) == data
    (file,) = json.loads(confirm)["files"]
    assert file["multipart"] == {
        "upload_id": "u1",
        "parts": [{"part_number": number, "etag": f'"opaque-{sent[number][1]}"'} for number in (1, 2, 3)],
    }


NO_URLS = {
    "no entry": lambda storage: issued(),
    "no list": lambda storage: answer({"files": {}}),
    "no object": lambda storage: issued("a.png"),
    "no key": lambda storage: issued(entry(storage, file_key="")),
    "no URL": lambda storage: issued({**entry(storage), "presigned_url": None}),
    "another kind of URL": lambda storage: issued(entry(storage, url="ftp://host/key?s3cr3t")),
    "no host": lambda storage: issued(entry(storage, url="https:///key?s3cr3t")),
    "half an address": lambda storage: issued(entry(storage, url="https://[::1/key?s3cr3t")),
    "no port": lambda storage: issued(entry(storage, url="https://host:x/key?s3cr3t")),
    "no text": lambda storage: issued({**entry(storage), "presigned_url": 7}),
    **{
        f"parts: {what}": lambda storage, parts=parts: issued({**entry(storage), "multipart": parts})
        for what, parts in {
            "none": {"upload_id": "u", "part_size": 10},
            "too few": {"upload_id": "u", "part_size": 3, "parts": [{"part_number": 1, "presigned_url": "http://h/"}]},
            "unnumbered": {"upload_id": "u", "part_size": 10, "parts": [{"presigned_url": "http://h/"}]},
            "oddly numbered": {"upload_id": "u", "part_size": 10, "parts": [{"part_number": [1], "presigned_url": ""}]},
            "without URLs": {"upload_id": "u", "part_size": 10, "parts": [{"part_number": 1, "presigned_url": None}]},
            "without an upload": {"part_size": 10, "parts": [{"part_number": 1, "presigned_url": "http://h/"}]},
            "of no size": {"upload_id": "u", "part_size": 0, "parts": []},
        }.items()
    },
}


@WAYS
@pytest.mark.parametrize("answered", NO_URLS.values(), ids=NO_URLS)
def test_what_is_no_place_fails_the_attempt_and_nothing_else(way, answered):
    outcome, sent, _ = attempt([], [answered], way)
    assert isinstance(outcome, Busy)
    assert "s3cr3t" not in str(outcome)
    assert sent == []


@WAYS
@pytest.mark.parametrize(
    ("url", "target"),
    [
        (
            "{storage}/bucket/사진 1.png?X-Amz-Signature=a%2Fb",
            "/bucket/%EC%82%AC%EC%A7%84%201.png?X-Amz-Signature=a%2Fb",
        ),
        ("{storage}?sig=1", "/?sig=1"),
        ("{storage}/a%20b+c?x=~y#part", "/a%20b+c?x=~y"),
    ],
)
def test_a_url_goes_out_as_it_was_issued_with_what_no_request_may_hold_encoded(way, url, target):
    outcome, ((head, _),), _ = attempt(
        [STORED], [lambda storage: issued(entry(storage, url=url)), confirmed(good())], way
    )
    assert outcome.data_file == 7
    assert head.split(" ")[1] == target


def test_a_server_that_changes_names_is_answered_by_place_but_never_with_another_files_place():
    """Names may be made fit for a storage; one that another file of the request has speaks of that file."""
    contents = [held(b"1", "a b.png"), held(b"22", "c.png")]
    for told, ended in (("a_b.png", [True, True]), ("c.png", [False, True])):
        with scripted(*[answer("", "200 OK", 'ETag: "x"')] * sum(ended)) as storage:
            results = [good(content.data, told, file_key=f"key {n}") for n, content in enumerate(contents)]
            entries = [
                entry(storage, told, file_key="key 0"),
                entry(storage, "c.png", file_key="key 1"),
            ]
            with scripted(issued(*entries), *[confirmed(*results)] * sum(ended)) as api:
                destination = knowing(api)
                outcomes = send_small(destination, *contents)
                destination.close()
        assert [not isinstance(outcome, Exception) for outcome in outcomes] == ended


@WAYS
@pytest.mark.parametrize("expires", [None, 7, "soon", "2099-01-01T00:00:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_of_expiry_that_says_little_does_not_keep_a_content_from_going(way, expires, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Seoul")
    answers = [lambda storage: issued(entry(storage), expires=expires), confirmed(good())]
    assert attempt([STORED], answers, way)[0].data_file == 7


REFUSALS = {
    "expired": (xml("403 Forbidden", "AccessDenied", "Request has expired"), True),
    "expired credentials": (xml("400 Bad Request", "ExpiredToken"), True),
    "no such upload": (xml("404 Not Found", "NoSuchUpload"), True),
    "slow down": (xml("503 Slow Down", "SlowDown"), False),
    "a slow request": (xml("400 Bad Request", "RequestTimeout"), False),
    "elsewhere": (xml("307 Temporary Redirect", "TemporaryRedirect"), False),
    "a proxy": (answer("<h1>Forbidden</h1>", "403 Forbidden"), False),
    "nothing": (answer("", "403 Forbidden"), False),
    "no ETag": (answer(""), False),
    "an empty ETag": (answer("", "200 OK", 'ETag: ""'), False),
    "no answer": (b"", False),
    "half an answer": (STORED[:40], False),
}


class Keeping(Journal):
    """A way to send whose progress is kept."""

    def send(self, destination, data):
        return destination.put(1, io.BytesIO(data), "a.png", digests(data), None, self)


@pytest.mark.parametrize(("refusal", "forgotten"), REFUSALS.values(), ids=REFUSALS)
def test_only_the_storages_own_word_gives_a_place_up(refusal, forgotten):
    journal = Keeping()
    outcome, _, _ = attempt([refusal], [lambda storage: issued(entry(storage))], journal.send)
    assert isinstance(outcome, Busy)
    assert (outcome.scope, outcome.applied) == ("call", "no")
    assert (journal.kept is not None) == forgotten
    assert journal.state is None


CONFIRMATIONS = {
    "no results": (answer({"ok": True}), OutcomeUnknown),
    "no JSON": (answer("<p>fine</p>"), OutcomeUnknown),
    "results of others": (confirmed(good(name="b.png")), OutcomeUnknown),
    "odd keys": (confirmed({"file_key": ["key of a.png"]}, 7), OutcomeUnknown),
    "no checksum": (confirmed(good(checksum=None)), OutcomeUnknown),
    "no success": (confirmed(good(success=None)), Busy),
    "a failure": (confirmed(good(success=False, error="no space")), Busy),
}


@WAYS
@pytest.mark.parametrize(("answered", "expected"), CONFIRMATIONS.values(), ids=CONFIRMATIONS)
def test_a_confirmation_that_does_not_say_so_is_none(way, answered, expected):
    outcome, _, _ = attempt([STORED], [lambda storage: issued(entry(storage)), answered], way)
    assert isinstance(outcome, expected)


@pytest.mark.parametrize(("answered", "expected"), CONFIRMATIONS.values(), ids=CONFIRMATIONS)
def test_a_place_is_kept_until_it_is_known_what_became_of_it(answered, expected):
    journal = Keeping()
    attempt([STORED], [lambda storage: issued(entry(storage)), answered], journal.send)
    assert (journal.state is not None) == (expected is OutcomeUnknown)


@WAYS
def test_a_proxy_with_a_password_is_told_it_by_the_way_to_the_storage(way, monkeypatch):
    with scripted(STORED) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pa55@{proxy.address}")
        answers = [lambda _: issued(entry(proxy, url="http://storage.invalid/key?s3cr3t")), confirmed(good())]
        outcome, _, _ = attempt([], answers, way)
    assert outcome.data_file == 7
    ((head, _),) = proxy.requests
    assert head.startswith("PUT http://storage.invalid/key?s3cr3t HTTP/1.1")
    assert "proxy-authorization: basic bWU6cGE1NQ==".lower() in head.lower()


@pytest.mark.parametrize("where", ["issue", "confirm", "sending", "parts"])
def test_a_fault_of_ours_ends_the_work_and_is_raised_not_waited_for(where, monkeypatch):
    def fault(*_):
        raise ZeroDivisionError

    places = {
        "issue": (Presigned, "issue"), "confirm": (Presigned, "confirm"), "sending": (presigned_small, "whole"),
        "parts": (PresignedUpload, "run"),
    }  # fmt: skip
    monkeypatch.setattr(*places[where], fault)
    multipart = {"upload_id": "u", "part_size": 10, "parts": [{"part_number": 1, "presigned_url": "http://h/"}]}
    more = {"multipart": multipart} if where == "parts" else {}
    with scripted(STORED) as storage, scripted(issued(entry(storage, **more))) as api:
        destination = knowing(api)
        queue = SimpleQueue()
        queue.put(held(DATA))
        with pytest.raises(ZeroDivisionError):
            destination.put_small(1, queue, lambda *_: None, threading.Event())
        destination.close()
