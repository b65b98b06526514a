"""The embedded backend's log of what became of its data: written with the change itself, and final."""

import hashlib
import sqlite3
from datetime import UTC, datetime

import pytest
import requests

SPECS = [{"name": "image_1", "file_type": "image", "is_required": True}]
BULK = "v2/data-units/bulk-create/"


@pytest.fixture
def fresh(start):
    """A backend of the test's own with a collection (1), and a session with it."""
    server, api = start()
    server.create_collection("scans", specs=SPECS)
    return server, api


def unit(api, content=b"x", **more):
    return {"files": {"image_1": {"checksum": api.send_file(content), "path": "a.png"}}, **more}


def kinds(server):
    return [event["kind"] for event in server.events()]


def test_a_data_file_is_told_with_both_digests_and_its_route(fresh):
    server, api = fresh
    began = datetime.now(UTC)
    md5 = api.send_file(b"abc")
    (event,) = server.events()
    detail = {"checksum": md5, "sha1": hashlib.sha1(b"abc").hexdigest(), "size": 3, "route": "direct"}
    assert event == {"id": 1, "at": event["at"], "kind": "data_file", "detail": detail}
    assert abs((datetime.fromisoformat(event["at"]) - began).total_seconds()) < 60


def test_bytes_that_arrive_again_are_told_again(fresh):
    server, api = fresh
    assert api.send_file(b"abc") == api.send_file(b"abc")
    assert kinds(server) == ["data_file", "data_file_again"]


def test_a_chunked_upload_that_becomes_a_data_file_twice_has_arrived_once(fresh):
    server, api = fresh
    headers = {"Content-Range": "bytes 0-2/3"}
    upload = api.call("PUT", "chunked_upload/", files={"file": ("a.png", b"abc")}, headers=headers).json()["id"]
    api.call("POST", f"chunked_upload/{upload}/", {"md5": hashlib.md5(b"abc").hexdigest()})
    for _ in range(2):
        assert api.call("POST", "data_files/", {"chunked_upload": upload}).status_code == 201
    assert [(event["kind"], event["detail"]["route"]) for event in server.events()] == [("data_file", "chunked")]


def test_a_presigned_upload_that_is_confirmed_twice_has_arrived_once(fresh):
    server, api = fresh
    issue = {"files": [{"filename": "a.png", "size": 3}]}
    for _ in range(2):
        file = api.call("POST", "data_files/presigned_upload/upload/", issue).json()["files"][0]
        requests.put(file["presigned_url"], data=b"abc", timeout=5)
        entry = {"file_key": file["file_key"], "checksum": hashlib.sha1(b"abc").hexdigest(), "size": 3}
        for _ in range(2):
            api.call("POST", "data_files/presigned_upload/confirm_upload/", {"files": [entry]})
    told = [(event["kind"], event["detail"]["route"]) for event in server.events()]
    assert told == [("data_file", "presigned"), ("data_file_again", "presigned")]


def test_a_foreign_file_counts_as_ours_when_we_send_it(fresh):
    server, api = fresh
    server.add_foreign(b"theirs")
    api.send_file(b"theirs")
    api.send_file(b"theirs")
    assert kinds(server) == ["data_file_foreign", "data_file", "data_file_again"]


def test_a_unit_is_told_with_its_files_and_its_reuse_as_such(fresh):
    server, api = fresh
    wanted = unit(api)
    for _ in range(2):
        api.call("POST", BULK, {"data_collection": 1, "units": [wanted]})
    _, made, reused = server.events()
    checksum = made["detail"]["checksum"]
    assert made["detail"] == {"unit": 1, "collection": 1, "checksum": checksum, "files": wanted["files"]}
    assert (reused["kind"], reused["detail"]) == ("unit_reused", {"unit": 1, "collection": 1, "checksum": checksum})


def test_every_unit_of_a_v1_request_is_told(fresh):
    server, api = fresh
    api.call("POST", "data_units/", [{"data_collection": 1, **unit(api)}] * 3)
    assert kinds(server) == ["data_file", "unit", "unit", "unit"]


def test_what_was_rolled_back_or_only_tried_is_not_told(fresh):
    server, api = fresh
    wanted = unit(api)
    bad = {"files": {"image_1": {"checksum": "f" * 40}}}
    assert api.call("POST", BULK, {"data_collection": 1, "units": [wanted, bad]}).status_code == 400
    assert api.call("POST", f"{BULK}?dry_run=true", {"data_collection": 1, "units": [wanted]}).status_code == 201
    assert kinds(server) == ["data_file"]


def test_meta_is_told_when_it_changes_and_only_then(fresh):
    server, api = fresh
    api.call("POST", BULK, {"data_collection": 1, "units": [unit(api, meta={"a": 1})]})
    for value in (1, 2):
        api.call("PATCH", "v2/data-units/1/", {"meta": {"a": value}})
    event = server.events()[-1]
    assert kinds(server) == ["data_file", "unit", "meta"]
    assert event["detail"] == {"unit": 1, "before": {"a": 1}, "after": {"a": 2}}


def test_tasks_are_told_and_what_is_deleted_with_a_collection_too(fresh):
    server, api = fresh
    project = server.create_project("labels", 1)
    api.call("POST", "data_units/", {"data_collection": 1, **unit(api)})
    api.call("POST", "v2/tasks/bulk-create/", {"project": project, "data_unit_ids": [1]})
    api.call("DELETE", "v2/data-collections/1/")
    task = {"task": 1, "project": project, "unit": 1}
    told = {event["kind"]: event["detail"] for event in server.events()}
    assert (told["task"], told["task_deleted"], told["unit_deleted"]["unit"]) == (task, task, 1)


def test_another_process_reads_what_is_new(fresh):
    server, api = fresh
    api.send_file(b"a")
    api.send_file(b"b")
    assert api.call("GET", "_dev/events").json() == server.events()
    assert api.call("GET", "_dev/events?after=1").json() == server.events(after=1) == server.events()[1:]


def test_a_backend_that_begins_anew_has_nothing_and_its_log_is_final_again(fresh):
    server, api = fresh
    for _ in range(2):
        collection = server.create_collection("again", specs=SPECS)
        project = server.create_project("labels", collection)
        api.call("POST", "data_units/", {"data_collection": collection, **unit(api)})
        api.call("POST", "tasks/", {"project": project, "data": [{"data_unit": 1}]})
        server.fault("*", "status", times=None)
        server.empty()
        stats = server.stats()
        assert (server.events(), stats["requests"], stats["data_files"], stats["units"]) == ([], {}, 0, 0)
    api.send_file(b"x")
    assert [(event["id"], event["kind"]) for event in server.events()] == [(1, "data_file")]
    with pytest.raises(sqlite3.IntegrityError), server._running().store.transaction() as db:
        db.execute("DELETE FROM events")


@pytest.mark.parametrize("words", ["DELETE FROM events", "UPDATE events SET kind = 'unit'"])
def test_nothing_changes_or_forgets_an_event(fresh, tmp_path, words):
    server, api = fresh
    api.send_file(b"a")
    server.stop()
    with (
        sqlite3.connect(server.options.data / "devserver.db") as db,
        pytest.raises(sqlite3.IntegrityError, match="events are"),
    ):
        db.execute(words)
    db.close()
    server.start()
    assert kinds(server) == ["data_file"]
