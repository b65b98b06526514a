"""The embedded backend's chunked uploads follow drf-chunked-upload's rules (protocol §4.3)."""

import hashlib
import threading
import time

import pytest
import requests

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def put():
    """Sends one part of CONTENT; `claimed` is the range that the header tells, where it is another one."""

    def put(api, path, start, stop, claimed=None):
        first, last = claimed or (start, stop - 1)
        return api.call(
            "PUT",
            path,
            files={"file": ("file", CONTENT[start:stop])},
            data={"filename": "volume.bin"},
            headers={"Content-Range": f"bytes {first}-{last}/{len(CONTENT)}"},
        )

    return put


@pytest.fixture
def begun(put):
    """A chunked upload of which 4000 bytes are there; returns its path."""

    def begun(api):
        return f"chunked_upload/{put(api, 'chunked_upload/', 0, 4000).json()['id']}/"

    return begun


def test_the_first_part_names_the_upload(api, devserver, put):
    state = put(api, "chunked_upload/", 0, 4000).json()
    assert state["url"] == f"{devserver.url}/chunked_upload/{state['id']}/"
    assert (state["offset"], state["filename"], state["completed_at"]) == (4000, "volume.bin", None)


def test_parts_lead_to_a_data_file(api, put, begun):
    path = begun(api)
    assert put(api, path, 4000, len(CONTENT)).json()["offset"] == len(CONTENT)
    done = api.call("POST", path, {"md5": MD5.upper()}).json()
    assert (done["status"], done["checksum"]) == (2, MD5)
    made = api.call("POST", "data_files/", {"chunked_upload": done["id"]})
    assert (made.status_code, made.json()["checksum"], made.json()["size"]) == (201, MD5, len(CONTENT))
    assert "file" not in made.json()


def test_a_part_that_starts_elsewhere_is_told_where_to_start(api, put, begun):
    answer = put(api, begun(api), 3000, 5000)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Offsets do not match", "expected_offset": 4000, "provided_offset": 3000}


def test_the_first_part_starts_at_zero(api, put):
    assert put(api, "chunked_upload/", 100, 200).json()["expected_offset"] == 0


def test_a_part_of_another_size_than_its_range_is_refused_and_not_stored(api, put, begun):
    path = begun(api)
    assert put(api, path, 4000, 5000, claimed=(4000, 5999)).status_code == 400
    assert api.call("GET", path).json()["offset"] == 4000


@pytest.mark.parametrize("header", [{}, {"Content-Range": "bytes 0-1"}, {"Content-Range": "items 0-1/2"}])
def test_a_missing_or_malformed_range_is_refused(api, header):
    answer = api.call("PUT", "chunked_upload/", files={"file": ("file", b"ab")}, headers=header)
    assert (answer.status_code, answer.json()["detail"]) == (400, "Error in request headers")


def test_a_wrong_md5_leaves_the_upload_open(api, put, begun):
    path = begun(api)
    put(api, path, 4000, len(CONTENT))
    assert api.call("POST", path, {"md5": "0" * 32}).status_code == 400
    assert api.call("POST", path, {"md5": MD5}).status_code == 200


def test_finishing_looks_at_the_md5_alone_and_not_at_the_announced_total(api, begun):
    assert api.call("POST", begun(api), {"md5": hashlib.md5(CONTENT[:4000]).hexdigest()}).status_code == 200


def test_finishing_twice_is_refused_though_the_upload_is_complete(api, put, begun):
    path = begun(api)
    put(api, path, 4000, len(CONTENT))
    api.call("POST", path, {"md5": MD5})
    again = api.call("POST", path, {"md5": MD5})
    assert (again.status_code, "already" in again.json()["detail"]) == (400, True)
    assert put(api, path, 4000, 5000).status_code == 400
    assert api.call("GET", path).json()["completed_at"]


def test_an_open_upload_is_no_data_file_yet(api, begun):
    upload = begun(api).split("/")[1]
    assert api.call("POST", "data_files/", {"chunked_upload": upload}).status_code == 400
    assert api.call("POST", "data_files/", {"chunked_upload": "nothing"}).status_code == 400


def test_an_upload_belongs_to_who_began_it(api, devserver, begun):
    """Another identity, and an id that never was, get the same answer."""
    path = begun(api)
    login = {"email": "a@example.com", "password": devserver.options.password}
    token = requests.post(f"{devserver.url}/users/login/", json=login, timeout=5).json()["token"]
    other = requests.get(f"{devserver.url}/{path}", headers={"Authorization": f"Token {token}"}, timeout=5)
    assert other.status_code == 404
    assert api.call("GET", "chunked_upload/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert [upload["url"].endswith(path) for upload in api.call("GET", "chunked_upload/").json()["results"]]


def test_an_upload_that_grew_too_old_is_gone(start, put, begun):
    _, api = start(chunked_expiry=0)
    path = begun(api)
    assert put(api, path, 4000, 5000).status_code == 410
    assert api.call("POST", path, {"md5": MD5}).status_code == 410


def test_an_empty_file_makes_the_sdk_finish_nothing(api):
    answer = api.call("POST", "chunked_upload/", {"md5": hashlib.md5(b"").hexdigest()})
    assert answer.status_code == 400


def test_ids_can_be_integers(start, put, begun):
    _, api = start(chunked_ids="int")
    path = begun(api)
    assert api.call("GET", path).json()["id"] == 1
    put(api, path, 4000, len(CONTENT))
    api.call("POST", path, {"md5": MD5})
    assert api.call("POST", "data_files/", {"chunked_upload": 1}).status_code == 201


@pytest.mark.parametrize(("once", "status"), [(False, 201), (True, 400)])
def test_a_finished_upload_can_be_used_again_or_not(start, put, begun, once, status):
    _, api = start(chunked_once=once)
    path = begun(api)
    put(api, path, 4000, len(CONTENT))
    upload = api.call("POST", path, {"md5": MD5}).json()["id"]
    assert api.call("POST", "data_files/", {"chunked_upload": upload}).status_code == 201
    assert api.call("POST", "data_files/", {"chunked_upload": upload}).status_code == status


def test_an_upload_goes_on_after_a_restart_of_the_backend(start, put, begun, tmp_path):
    server, api = start(data=tmp_path / "kept")
    path = begun(api)
    server.stop()
    _, api = start(data=tmp_path / "kept")
    assert api.call("GET", path).json()["offset"] == 4000
    put(api, path, 4000, len(CONTENT))
    assert api.call("POST", path, {"md5": MD5}).status_code == 200


@pytest.mark.parametrize(("unlocked", "offset"), [(False, 6000), (True, 8000)])
def test_two_parts_in_flight_with_the_same_start(start, put, begun, unlocked, offset):
    """Without a lock both are appended (protocol §4.3); by default the second one is refused."""
    server, api = start(unlocked_appends=unlocked)
    path = begun(api)

    def body():
        """One part whose second half waits until both parts have arrived in part."""
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + CONTENT[4000:5000]
        while server.stats()["requests"].get("PUT chunked_upload/{id}/", 0) < 2:
            time.sleep(0.001)
        yield CONTENT[5000:6000] + b"\r\n--B--\r\n"

    def send():
        headers = {
            "Content-Range": f"bytes 4000-5999/{len(CONTENT)}",
            "Content-Type": "multipart/form-data; boundary=B",
            **api.headers,
        }
        requests.put(f"{api.base}/{path}", data=body(), headers=headers, timeout=10)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.call("GET", path).json()["offset"] == offset
