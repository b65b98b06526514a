"""The embedded backend as a program: starting, staying, being asked and steered from outside, and its pages."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys

import pytest
import requests

from synapse_sync.devserver import DevServer, Options
from synapse_sync.errors import ServerError

SPECS = [{"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True}]
SCRIPT = """
import sys
from pathlib import Path
from synapse_sync.devserver import Options, serve
serve(Options(data=Path(sys.argv[1]), token="syn_other"), on_ready=lambda url: print(url, flush=True))
"""


def test_everything_is_still_there_after_a_restart(start, tmp_path):
    server, api = start(data=tmp_path / "kept")
    collection = server.create_collection("scans", specs=SPECS)
    project = server.create_project("labels", collection)
    files = {"image_1": {"checksum": api.send_file(b"kept"), "path": "a.png"}}
    api.call("POST", "data_units/", [{"data_collection": collection, "files": files, "groups": ["g"]}])
    api.call("POST", "tasks/", {"project": project, "data": [{"data_unit": 1}]})
    before = (server.units(collection), server.tasks(project))
    server.stop()
    server, api = start(data=tmp_path / "kept")
    assert (server.units(collection), server.tasks(project)) == before
    url = api.call("GET", "data_units/1/").json()["files"]["image_1"]["url"]
    assert requests.get(url, timeout=5).content == b"kept"


def test_a_taken_port_is_an_error_in_words(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"can't listen at 127.0.0.1:{port}"):
            DevServer(Options(data=tmp_path, port=port)).start()


def test_a_port_that_is_none_is_an_error_in_words(tmp_path):
    with pytest.raises(ServerError, match=r"can't listen at 127\.0\.0\.1:70000"):
        DevServer(Options(data=tmp_path, storage_port=70000)).start()


def test_starting_twice_is_an_error_in_words(devserver):
    with pytest.raises(ServerError, match="already running"):
        devserver.start()


def test_a_folder_that_is_none_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerError, match="can't use the folder"):
        DevServer(Options(data=tmp_path / "file")).start()


def test_two_servers_never_share_a_folder(start, tmp_path):
    start(data=tmp_path / "one")
    with pytest.raises(ServerError, match="database is locked"):
        DevServer(Options(data=tmp_path / "one")).start()


def test_a_server_that_does_not_run_says_so(tmp_path):
    server = DevServer(Options(data=tmp_path))
    with pytest.raises(ServerError, match="not running"):
        server.stats()
    server.stop()


def test_it_can_be_started_again(tmp_path):
    server = DevServer(Options(data=tmp_path))
    for _ in range(2):
        with server:
            assert requests.get(f"{server.url}/", timeout=5).status_code == 200


def test_a_restart_keeps_address_data_statistics_and_faults(start):
    server, api = start()
    checksum = api.send_file(b"kept")
    server.fault("GET data_units/", "status", times=None)
    before = (server.url, server.storage_url, server.events(), server.stats()["requests"])
    server.restart()
    assert (server.url, server.storage_url, server.events(), server.stats()["requests"]) == before
    assert api.call("GET", "data_units/").status_code == 503
    asked = api.call("POST", "data_files/verify_checksums/", {"checksums": [checksum]})
    assert asked.json()["existing_checksums"] == [checksum]


def test_a_presigned_url_is_still_good_after_a_restart(start):
    server, api = start()
    issue = {"files": [{"filename": "a.png", "size": 4}]}
    url = api.call("POST", "data_files/presigned_upload/upload/", issue).json()["files"][0]["presigned_url"]
    server.restart()
    assert requests.put(url, data=b"kept", timeout=5).status_code == 200


def test_a_token_can_be_replaced_and_what_it_had_begun_goes_on_with_the_new_one(start):
    server, api = start()
    part = {"file": ("a.png", b"abc")}
    upload = api.call("PUT", "chunked_upload/", files=part, headers={"Content-Range": "bytes 0-2/6"}).json()["id"]
    server.rotate_token("syn_new")
    for _ in range(2):
        assert api.call("GET", "data_units/").json() == {"detail": "Invalid token."}
        refused = api.call("GET", "v2/data-units/")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "AUTHENTICATION_REQUIRED")
        shown = api.call("GET", f"chunked_upload/{upload}/", headers={"Synapse-Access-Token": "syn_new"})
        assert shown.json()["offset"] == 3
        server.restart()


def test_a_user_token_ends_with_the_access_token_that_it_came_of(start):
    server, api = start()
    login = {"email": "a@example.com", "password": server.options.password}
    token = api.call("POST", "users/login/", login).json()["token"]
    del api.headers["Synapse-Access-Token"]
    statuses = [api.call("GET", "users/me/", headers={"Authorization": f"Token {token}"}).status_code]
    server.rotate_token("syn_new")
    statuses.append(api.call("GET", "users/me/", headers={"Authorization": f"Token {token}"}).status_code)
    assert statuses == [200, 401]


def test_a_folder_of_an_earlier_version_is_brought_up_to_date(start, tmp_path):
    server, api = start(data=tmp_path / "kept")
    checksum = api.send_file(b"kept")
    server.stop()
    with sqlite3.connect(tmp_path / "kept" / "devserver.db") as db:
        db.execute("DROP INDEX foreign_files")
        db.execute("ALTER TABLE data_files DROP COLUMN is_foreign")
    db.close()
    server, api = start(data=tmp_path / "kept")
    asked = api.call("POST", "data_files/verify_checksums/", {"checksums": [checksum]})
    assert asked.json()["existing_checksums"] == [checksum]


def test_numbers_of_requests_and_bytes(api, devserver):
    api.send_file(b"twelve bytes")
    api.call("GET", "data_units/17/")
    stats = devserver.stats()
    assert stats["requests"] == {"POST data_files/": 1, "GET data_units/{id}/": 1}
    assert stats["bytes_received"] == 12
    devserver.reset_stats()
    assert devserver.stats()["requests"] == {}
    assert devserver.stats()["data_files"] == stats["data_files"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_prints_nothing_and_ends_with_a_signal(tmp_path, number):
    program = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            headers = {"Synapse-Access-Token": "syn_other"}
            assert requests.get(f"{url}/v2/users/me/", headers=headers, timeout=5).status_code == 200
            process.send_signal(number)
            assert process.stdout.read() == ""
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_what_was_acknowledged_survives_a_kill(start, tmp_path):
    program = [sys.executable, "-c", SCRIPT, str(tmp_path / "kept")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        headers = {"Synapse-Access-Token": "syn_other"}
        sent = {}
        for number in range(30):
            files = {"file": ("a.bin", b"%d" % number * 1000)}
            answer = requests.post(f"{url}/data_files/", files=files, headers=headers, timeout=5).json()
            sent[answer["checksum"]] = (answer["file"].removeprefix(url), b"%d" % number * 1000)
        process.kill()
    _, api = start(data=tmp_path / "kept")
    verified = api.call("POST", "data_files/verify_checksums/", {"checksums": list(sent)}).json()
    assert verified["existing_checksums"] == list(sent)
    for path, content in sent.values():
        assert requests.get(api.base + path, timeout=5).content == content


def test_it_can_be_steered_over_http(api, devserver):
    collection = api.call("POST", "_dev/collections", {"name": "far", "specs": SPECS}).json()["id"]
    project = api.call("POST", "_dev/projects", {"name": "labels", "collection": collection}).json()["id"]
    fault = {"route": "POST data_units/", "kind": "status", "code": 502, "times": None}
    assert api.call("POST", "_dev/faults", fault).status_code == 201
    assert api.call("GET", "_dev/faults").json()[0]["kind"] == "status"
    assert api.call("POST", "data_units/", []).status_code == 502
    assert api.call("DELETE", "_dev/faults").status_code == 204
    assert api.call("POST", "data_units/", []).status_code == 201
    assert api.call("GET", f"_dev/collections/{collection}/units").json() == devserver.units(collection) == []
    assert api.call("GET", f"_dev/projects/{project}/tasks").json() == []
    assert api.call("GET", "_dev/stats").json()["requests"] == {"POST data_units/": 2}
    assert api.call("POST", "_dev/stats/reset").json()["requests"] == {}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("_dev/faults", {"route": "*", "kind": "explode"}),
        ("_dev/faults", {"kind": "status"}),
        ("_dev/collections", {"name": "x"}),
        ("_dev/collections", {"name": "x", "specs": [{"name": "a"}]}),
        ("_dev/collections", {"name": "x", "specs": SPECS, "meta_schema": {"type": "nothing"}}),
        ("_dev/projects", {"name": "x"}),
    ],
)
def test_steering_it_wrongly_is_refused_in_words(api, path, body):
    answer = api.call("POST", path, body)
    assert (answer.status_code, bool(answer.json()["detail"])) == (400, True)


@pytest.mark.parametrize("path", ["_dev/stats", "data_units/", "v2/data-units/"])
def test_nothing_but_the_pages_is_open_without_a_token(devserver, path):
    assert requests.get(f"{devserver.url}/{path}", timeout=5).status_code == 401


@pytest.mark.parametrize("path", ["users/me/", "v2/users/me/"])
@pytest.mark.parametrize("value", ["Token {}", "{}"])
@pytest.mark.parametrize("header", ["Synapse-Access-Token", "SYNAPSE-ACCESS-TOKEN"])
def test_both_spellings_of_the_token_are_taken_on_both_apis(devserver, path, value, header):
    headers = {header: value.format(devserver.options.token)}
    assert requests.get(f"{devserver.url}/{path}", headers=headers, timeout=5).status_code == 200


@pytest.mark.parametrize("word", ["Token", "Bearer"])
def test_a_user_token_is_taken_as_well(devserver, word):
    login = {"email": "a@example.com", "password": devserver.options.password}
    token = requests.post(f"{devserver.url}/users/login/", json=login, timeout=5).json()["token"]
    for path in ("users/me/", "v2/users/me/"):
        answer = requests.get(f"{devserver.url}/{path}", headers={"Authorization": f"{word} {token}"}, timeout=5)
        assert answer.status_code == 200


@pytest.mark.parametrize(("tenant", "status"), [("acme", 200), ("Token acme", 200), ("other", 403), (None, 200)])
def test_a_tenant_must_fit_where_the_backend_has_one(start, tenant, status):
    _, api = start(tenant="acme")
    assert api.call("GET", "v2/users/me/", headers={"Synapse-Tenant": tenant}).status_code == status


def test_a_missing_slash_is_a_redirect_that_turns_a_post_into_a_get(api, devserver):
    answer = api.call("POST", "data_units?x=1", {})
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{devserver.url}/data_units/?x=1")
    assert api.call("GET", "nothing").status_code == 404
    assert api.call("GET", "nothing/").json() == {"detail": "Not Found"}
    assert api.call("DELETE", "data_units/").status_code == 405


def test_v1_lists_can_be_walked_in_bare_v2_shape_too(start):
    server, api = start(envelope=False)
    server.create_collection("scans", specs=SPECS)
    bare = api.call("GET", "v2/data-collections/").json()
    assert bare.keys() == {"next", "previous", "results"}
    assert api.call("GET", "v2/data-collections/1/").json()["name"] == "scans"


def test_the_pages_show_collections_units_files_meta_and_thumbnails_escaped(api, devserver):
    collection = devserver.create_collection("<b>scans</b>", specs=SPECS)
    files = {"image_1": {"checksum": api.send_file(b"\x89PNG"), "path": "site/<i>.png"}}
    unit = {"data_collection": collection, "files": files, "meta": {"note": "<script>"}, "groups": ["day-2"]}
    api.call("POST", "data_units/", [unit])
    overview = requests.get(f"{devserver.url}/", timeout=5)
    page = requests.get(f"{devserver.url}/collections/{collection}/", timeout=5)
    assert "&lt;b&gt;scans" in overview.text
    for expected in ("&lt;i&gt;.png", "&lt;script&gt;", "day-2", "<img"):
        assert expected in page.text
    for answer in (overview, page):
        assert "<script" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert requests.get(f"{devserver.url}/collections/999999/", timeout=5).status_code == 404


def test_the_thumbnails_url_is_signed(api, devserver):
    url = api.call("POST", "data_files/", files={"file": ("a.png", b"signed")}).json()["file"]
    assert requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=5).status_code == 403
    assert requests.get(url, timeout=5).headers["Content-Security-Policy"] == "sandbox"


def test_from_elsewhere_the_pages_want_the_token_once(devserver):
    """A foreign name in the URL counts as elsewhere: it may be a foreign page that asks."""
    elsewhere = {"Host": "devserver.example"}
    with requests.Session() as browser:
        assert browser.get(f"{devserver.url}/", headers=elsewhere, timeout=5).status_code == 401
        url = f"{devserver.url}/?token={devserver.options.token}"
        moved = browser.get(url, headers=elsewhere, timeout=5, allow_redirects=False)
        assert (moved.status_code, moved.headers["Location"]) == (303, "/")
        assert browser.get(f"{devserver.url}/", headers=elsewhere, timeout=5).status_code == 200


def test_bytes_left_by_a_killed_process_are_swept_at_the_next_start(start, tmp_path):
    server, _ = start(data=tmp_path / "kept")
    server.stop()
    left = tmp_path / "kept" / "incoming" / "arriving-7"
    left.write_bytes(b"half")
    start(data=tmp_path / "kept")
    assert not os.path.exists(left)
