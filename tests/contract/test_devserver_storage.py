"""The embedded backend's presigned uploads and the object storage that plays S3 (protocol §4.4, §4.5)."""

import hashlib
from urllib.parse import urlsplit

import pytest
import requests

CONTENT = b"nine bytes"
SHA1 = hashlib.sha1(CONTENT).hexdigest()
ISSUE = "data_files/presigned_upload/upload/"
CONFIRM = "data_files/presigned_upload/confirm_upload/"


@pytest.fixture
def issue():
    """Asks for the upload of one file; returns the issued entry."""

    def issue(api, size=len(CONTENT), **more):
        body = {"files": [{"filename": "a.png", "size": size, **more}]}
        return api.call("POST", ISSUE, body).json()["files"][0]

    return issue


def confirm(api, file, checksum=SHA1, size=len(CONTENT), **more):
    entry = {"file_key": file["file_key"], "checksum": checksum, "size": size, **more}
    return api.call("POST", CONFIRM, {"files": [entry]}).json()["results"][0]


def put(url, content=CONTENT, **more):
    return requests.put(url, data=content, timeout=5, **more)


def error_code(answer):
    """S3's error code inside its XML."""
    assert answer.headers["Content-Type"] == "application/xml"
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_the_storage_is_another_port_and_answers_with_a_quoted_etag(api, devserver, issue):
    file = issue(api)
    assert urlsplit(file["presigned_url"]).netloc == urlsplit(devserver.storage_url).netloc
    assert urlsplit(file["presigned_url"]).netloc != urlsplit(devserver.url).netloc
    assert put(file["presigned_url"]).headers["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_confirming_addresses_the_data_file_by_the_clients_digest(api, issue):
    file = issue(api)
    put(file["presigned_url"])
    result = confirm(api, file)
    assert result["success"]
    assert result.keys() == {"file_key", "checksum", "data_file_id", "success", "error"}
    verified = api.call("POST", "data_files/verify_checksums/", {"checksums": [SHA1, hashlib.md5(CONTENT).hexdigest()]})
    assert verified.json() == {"existing_checksums": [SHA1]}


def test_sending_and_confirming_again_changes_nothing(api, issue):
    file = issue(api)
    put(file["presigned_url"])
    first = confirm(api, file)
    put(file["presigned_url"])
    assert confirm(api, file) == first


@pytest.mark.parametrize(
    ("change", "words"),
    [({"checksum": "0" * 40}, "checksum"), ({"size": 3}, "bytes"), ({"checksum": "short"}, "checksum")],
)
def test_a_false_claim_about_the_object_fails_inside_a_200(api, issue, change, words):
    file = issue(api)
    put(file["presigned_url"])
    result = confirm(api, file, **change)
    assert not result["success"]
    assert words in result["error"]


def test_an_object_that_was_never_sent_cannot_be_confirmed(api, issue):
    assert not confirm(api, issue(api))["success"]
    assert not confirm(api, {"file_key": "nothing"})["success"]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Synapse-Access-Token": "Token syn_dev"}, 400, "InvalidArgument"),
        ({"Authorization": "Token x"}, 400, "InvalidArgument"),
        ({"Content-Type": "image/jpeg"}, 403, "SignatureDoesNotMatch"),
    ],
)
def test_headers_that_do_not_belong_there_are_refused(api, issue, headers, status, code):
    answer = put(issue(api)["presigned_url"], headers=headers)
    assert (answer.status_code, error_code(answer)) == (status, code)


def test_the_announced_content_type_is_wanted(api, issue):
    file = issue(api, content_type="image/png")
    assert error_code(put(file["presigned_url"])) == "SignatureDoesNotMatch"
    assert put(file["presigned_url"], headers={"Content-Type": "image/png"}).status_code == 200


def test_a_body_without_its_length_is_refused(api, issue):
    assert put(issue(api)["presigned_url"], iter([CONTENT])).status_code == 501


def test_a_body_of_another_size_is_refused(api, issue):
    assert error_code(put(issue(api)["presigned_url"], CONTENT[:-1])) == "IncompleteBody"


def test_a_changed_url_is_refused(api, issue):
    url = issue(api)["presigned_url"]
    assert error_code(put(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"))) == "SignatureDoesNotMatch"
    assert error_code(put(url.replace("/files/", "/others/"))) == "AccessDenied"


def test_parts_make_one_object(api, issue):
    content = bytes(range(250)) * 400
    file = issue(api, len(content))
    assert file["presigned_url"] is None
    size, parts = file["multipart"]["part_size"], file["multipart"]["parts"]
    assert [part["part_number"] for part in parts] == [1, 2, 3, 4]
    etags = [
        put(p["presigned_url"], content[i * size :][:size]).headers["ETag"] for i, p in reversed([*enumerate(parts)])
    ]
    listed = [{"part_number": n, "etag": etag} for n, etag in enumerate(reversed(etags), start=1)]
    multipart = {"upload_id": file["multipart"]["upload_id"], "parts": listed}
    sha1 = hashlib.sha1(content).hexdigest()
    lacking = confirm(api, file, sha1, len(content), multipart={**multipart, "parts": listed[:-1]})
    assert (lacking["success"], lacking["error"]) == (False, "InvalidPart: parts are missing")
    assert confirm(api, file, sha1, len(content), multipart=multipart)["success"]
    spent = confirm(api, file, sha1, len(content), multipart=multipart)
    assert (spent["success"], spent["error"].partition(":")[0]) == (False, "NoSuchUpload")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda parts: parts[::-1], "InvalidPartOrder"),
        (lambda parts: [{**parts[0], "etag": '"0"'}, *parts[1:]], "InvalidPart"),
    ],
)
def test_a_wrong_list_of_parts_is_refused_and_can_be_sent_again(api, issue, spoil, words):
    content = words.encode() * 6000
    file = issue(api, len(content))
    size = file["multipart"]["part_size"]
    parts = [
        {"part_number": n, "etag": put(p["presigned_url"], content[(n - 1) * size :][:size]).headers["ETag"]}
        for n, p in enumerate(file["multipart"]["parts"], start=1)
    ]
    multipart = {"upload_id": file["multipart"]["upload_id"], "parts": spoil(parts)}
    sha1 = hashlib.sha1(content).hexdigest()
    assert confirm(api, file, sha1, len(content), multipart=multipart)["error"].startswith(words)
    assert confirm(api, file, sha1, len(content), multipart={**multipart, "parts": parts})["success"]


def test_a_provider_that_cannot_presign_says_so(start):
    _, api = start(provider="file_system")
    answer = api.call("POST", ISSUE, {"files": [{"filename": "a", "size": 1}]})
    assert answer.status_code == 400
    assert "presigned" in answer.json()["detail"]
    assert api.call("GET", "storages/").json()[0]["provider"] == "file_system"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"files": [{"filename": "a", "size": 1, "content_type": None}]}, 200),  # what the SDK sends
        ({"files": [{"filename": "a", "size": 0}]}, 400),
        ({"files": [{"filename": "a", "size": 1}] * 1000}, 200),
        ({"files": [{"filename": "a", "size": 1}] * 1001}, 400),
        ({"files": []}, 400),
        ({"files": [{"filename": "a", "size": 1}], "expiration": 59}, 400),
        ({"files": [{"filename": "a", "size": 1}], "expiration": 86400}, 200),
    ],
)
def test_the_limits_of_issuing(api, body, status):
    assert api.call("POST", ISSUE, body).status_code == status


@pytest.mark.parametrize(
    ("mode", "direct", "presigned"),
    [("mixed", "md5", "sha1"), ("md5", "md5", "md5"), ("sha1", "sha1", "sha1")],
)
def test_what_addresses_a_data_file_can_be_chosen(start, issue, mode, direct, presigned):
    _, api = start(checksum=mode)
    assert api.send_file(CONTENT) == hashlib.new(direct, CONTENT).hexdigest()
    file = issue(api)
    put(file["presigned_url"])
    assert confirm(api, file)["checksum"] == hashlib.new(presigned, CONTENT).hexdigest()
