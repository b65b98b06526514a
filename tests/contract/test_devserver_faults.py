"""Each fault switch of the embedded backend does what it says, as often as it says, where it says (protocol §12)."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from synapse_sync.errors import UsageError

SPECS = [{"name": "image_1", "file_type": "image", "is_required": True}]
UNITS = "POST data_units/"


@pytest.fixture
def collection(devserver):
    return devserver.create_collection("scans", specs=SPECS)


@pytest.fixture
def register(api, collection):
    """Registers `count` units in one v1 request."""
    checksum = api.send_file(b"faulty")

    def register(count=1):
        unit = {"data_collection": collection, "files": {"image_1": {"checksum": checksum, "path": "a.png"}}}
        return api.call("POST", "data_units/", [unit] * count)

    return register


@pytest.mark.parametrize(("kind", "made"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_happens_before_or_after_the_work(devserver, collection, register, kind, made):
    devserver.fault(UNITS, kind)
    with pytest.raises(requests.ConnectionError):
        register()
    assert len(devserver.units(collection)) == made
    assert register().status_code == 201


def test_a_cut_body_ends_in_the_middle_of_the_answer(devserver, collection, register):
    devserver.fault(UNITS, "cut_body", share=0.5)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        register()
    assert len(devserver.units(collection)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delayed_answer_outlasts_a_timeout_and_the_work_is_done_all_the_same(devserver, collection, api, when):
    devserver.fault(UNITS, "delay", seconds=0.5, when=when)
    unit = {"data_collection": collection, "files": {"image_1": {"checksum": api.send_file(b"faulty")}}}
    began = datetime.now(UTC)
    with pytest.raises(requests.ReadTimeout):
        api.call("POST", "data_units/", [unit], timeout=0.1)
    while not (made := devserver.units(collection)):
        time.sleep(0.01)
    waited = datetime.fromisoformat(made[0]["created"]) - began
    assert when == "after" or waited.total_seconds() >= 0.5


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("processed", [False, True])
def test_an_error_status_comes_with_or_without_the_work_done(devserver, collection, register, code, processed):
    devserver.fault(UNITS, "status", code=code, retry_after=7, processed=processed)
    answer = register()
    assert (answer.status_code, answer.headers["Retry-After"]) == (code, "7")
    assert len(devserver.units(collection)) == int(processed)


def test_when_to_come_again_can_be_told_as_a_date(devserver, register):
    devserver.fault(UNITS, "status", retry_after=3600, retry_as="date")
    asked = parsedate_to_datetime(register().headers["Retry-After"]) - datetime.now(UTC)
    assert 3000 < asked.total_seconds() <= 3600


@pytest.mark.parametrize(("processed", "made"), [(False, 0), (True, 1)])
def test_a_request_that_hangs_is_never_answered_and_was_processed_or_not(devserver, collection, api, processed, made):
    unit = {"data_collection": collection, "files": {"image_1": {"checksum": api.send_file(b"faulty")}}}
    devserver.fault(UNITS, "hang", processed=processed)
    with pytest.raises(requests.ReadTimeout):
        api.call("POST", "data_units/", [unit], timeout=0.2)
    while len(devserver.units(collection)) < made:
        time.sleep(0.01)
    assert len(devserver.units(collection)) == made
    assert api.call("POST", "data_units/", [unit]).status_code == 201


def test_a_request_that_hangs_is_cut_when_the_server_ends(start, caplog):
    server, api = start()
    server.fault("*", "hang")
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.call, "GET", "data_units/")
        while not server.stats()["requests"]:
            time.sleep(0.01)
        server.stop()
        with pytest.raises(requests.ConnectionError):
            asked.result()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_status_has_no_retry_after_unless_asked_for_and_may_have_any_body(devserver, register):
    devserver.fault(UNITS, "status", code=503, body="<h1>upstream</h1>")
    answer = register()
    assert "Retry-After" not in answer.headers
    assert answer.text == "<h1>upstream</h1>"


@pytest.mark.parametrize("code", [400, 403])
def test_a_proxys_refusal_is_html_of_150_bytes(devserver, collection, register, code):
    devserver.fault(UNITS, "html", code=code)
    answer = register()
    assert (answer.status_code, len(answer.content)) == (code, 150)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert devserver.units(collection) == []


def test_results_come_in_another_order_on_v1_and_v2(devserver, api, collection, register):
    devserver.fault(UNITS, "reorder_results")
    ids = [unit["id"] for unit in register(3).json()]
    assert ids == sorted(ids, reverse=True)
    devserver.fault("POST v2/data-units/bulk-create/", "reorder_results")
    units = [{"files": {"image_1": {"checksum": api.send_file(b"%d" % n)}}} for n in range(3)]
    answer = api.call("POST", "v2/data-units/bulk-create/", {"data_collection": collection, "units": units}).json()
    ids = [result["data_unit_id"] for result in answer["data"]["results"]]
    assert ids == sorted(ids, reverse=True)


def test_urls_of_ours_lead_to_another_host(devserver, api, register):
    register(2)
    devserver.fault("GET data_units/", "wrong_host", host="elsewhere.example:81")
    assert (
        api.call("GET", "data_units/?page_size=1").json()["next"].startswith("http://elsewhere.example:81/data_units/")
    )


@pytest.mark.parametrize(("answer", "which"), [("first", 0), ("second", 1)])
def test_a_request_is_delivered_twice(devserver, collection, register, answer, which):
    devserver.fault(UNITS, "duplicate_delivery", answer=answer)
    shown = register().json()[0]["id"]
    assert [unit["id"] for unit in devserver.units(collection)].index(shown) == which
    assert len(devserver.units(collection)) == 2


def test_units_are_dropped_silently(devserver, collection, register):
    devserver.fault(UNITS, "silent_drop", count=2)
    answer = register(3)
    assert (answer.status_code, len(answer.json())) == (201, 1)
    assert len(devserver.units(collection)) == 1


def test_a_batch_is_made_in_part_and_answered_with_an_error(devserver, collection, register):
    devserver.fault(UNITS, "partial", count=2, code=500)
    assert register(3).status_code == 500
    assert len(devserver.units(collection)) == 2


@pytest.fixture
def issued(api):
    """An issued presigned upload of ten bytes."""

    def issued():
        body = {"files": [{"filename": "a.png", "size": 10}]}
        return api.call("POST", "data_files/presigned_upload/upload/", body).json()

    return issued


def test_an_issued_url_is_already_expired_though_the_answer_says_otherwise(devserver, issued):
    devserver.fault("POST data_files/presigned_upload/upload/", "expired_url")
    issue = issued()
    assert datetime.fromisoformat(issue["expires_at"]) > datetime.now(UTC)
    answer = requests.put(issue["files"][0]["presigned_url"], data=bytes(10), timeout=5)
    assert (answer.status_code, "Request has expired" in answer.text) == (403, True)


def test_the_storage_calls_a_good_url_expired(devserver, issued):
    devserver.fault("PUT object/", "expired_url")
    url = issued()["files"][0]["presigned_url"]
    assert "Request has expired" in requests.put(url, data=bytes(10), timeout=5).text
    assert requests.put(url, data=bytes(10), timeout=5).status_code == 200


def test_the_storage_accepts_without_an_etag(devserver, issued):
    devserver.fault("PUT object/", "missing_etag")
    answer = requests.put(issued()["files"][0]["presigned_url"], data=bytes(10), timeout=5)
    assert answer.status_code == 200
    assert "ETag" not in answer.headers


def test_a_byte_is_changed_on_its_way_to_the_storage(devserver, issued):
    devserver.fault("PUT object/", "corrupt")
    url = issued()["files"][0]["presigned_url"]
    etags = [requests.put(url, data=b"ten bytes!", timeout=5).headers["ETag"] for _ in range(2)]
    assert etags == [f'"{hashlib.md5(sent).hexdigest()}"' for sent in (b"uen bytes!", b"ten bytes!")]


def test_a_byte_is_changed_on_its_way_to_the_api(devserver, api):
    devserver.fault("POST data_files/", "corrupt")
    assert api.send_file(b"sent") == hashlib.md5(b"rent").hexdigest()
    assert api.send_file(b"sent") == hashlib.md5(b"sent").hexdigest()


def test_a_byte_is_changed_in_a_part_of_a_chunked_upload(devserver, api):
    devserver.fault("PUT chunked_upload/{id}/", "corrupt")
    part = {"file": ("a.png", b"abc")}
    upload = api.call("PUT", "chunked_upload/", files=part, headers={"Content-Range": "bytes 0-2/6"}).json()["id"]
    path = f"chunked_upload/{upload}/"
    assert api.call("PUT", path, files=part, headers={"Content-Range": "bytes 3-5/6"}).json()["offset"] == 6
    answers = [api.call("POST", path, {"md5": hashlib.md5(sent).hexdigest()}) for sent in (b"abcabc", b"abc`bc")]
    assert [answer.status_code for answer in answers] == [400, 200]


def test_confirming_says_success_false_inside_a_200(devserver, api, issued):
    devserver.fault("POST data_files/presigned_upload/confirm_upload/", "success_false", count=1)
    content = b"ten bytes!"
    body = {"files": []}
    for _ in range(2):
        file = issued()["files"][0]
        requests.put(file["presigned_url"], data=content, timeout=5)
        entry = {"file_key": file["file_key"], "checksum": hashlib.sha1(content).hexdigest(), "size": 10}
        body["files"].append(entry)
    answer = api.call("POST", "data_files/presigned_upload/confirm_upload/", body)
    assert answer.status_code == 200
    assert [result["success"] for result in answer.json()["results"]] == [False, True]
    assert answer.json()["failed_count"] == 1


def test_a_switch_waits_then_fires_as_often_as_asked(devserver, register):
    devserver.fault(UNITS, "status", times=2, after=1)
    assert [register().status_code for _ in range(4)] == [201, 503, 503, 201]


def test_a_switch_without_times_fires_until_it_is_cleared(devserver, register):
    devserver.fault(UNITS, "status", times=None)
    assert [register().status_code for _ in range(3)] == [503] * 3
    devserver.clear_faults()
    assert register().status_code == 201


def test_chance_is_the_same_for_the_same_seed(devserver, register):
    rows = []
    for seed in (1, 1, 2):
        devserver.clear_faults()
        devserver.fault(UNITS, "status", times=None, probability=0.5, seed=seed)
        rows.append([register().status_code for _ in range(20)])
    assert rows[0] == rows[1] != rows[2]
    assert set(rows[0]) == {201, 503}


@pytest.mark.parametrize("route", ["POST data_units/", "POST /data_units/", "POST data_*", "*"])
def test_a_route_may_be_written_with_wildcards(devserver, register, route):
    devserver.fault(route, "status")
    assert register().status_code == 503


def test_a_switch_for_one_route_leaves_the_others_alone(devserver, api, register):
    devserver.fault("GET data_units/{id}/", "status")
    assert register().status_code == 201
    assert api.call("GET", "data_units/1/").status_code == 503


@pytest.mark.parametrize(("kind", "parameters"), [("explode", {}), ("status", {"colour": "red"})])
def test_an_unknown_kind_or_parameter_is_an_error_in_words(devserver, kind, parameters):
    with pytest.raises(UsageError, match=r"no fault 'explode'|no parameter 'colour'"):
        devserver.fault(UNITS, kind, **parameters)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "cut_body", "html"])
def test_a_fault_while_a_large_body_is_on_its_way_leaves_the_backend_well(devserver, api, kind):
    devserver.fault("POST data_files/", kind)
    content = bytes(3_000_000)
    try:
        status = api.call("POST", "data_files/", files={"file": ("a.png", content)}).status_code
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        status = None
    assert status in (None, 403)
    assert api.send_file(content) == hashlib.md5(content).hexdigest()
