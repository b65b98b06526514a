"""Each unknown behaviour of the real backend can be switched: both answers of the embedded one (protocol, "[?]")."""

import hashlib

import pytest
import requests

from synapse_sync.devserver import switches
from tests.contract.openapi import description_file, validate_response

SPECS = [
    {"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True},
    {"name": "report_1", "file_type": "document", "is_required": False},
]
VERIFY = "data_files/verify_checksums/"
BULK = "v2/data-units/bulk-create/"
NOT_FOUND = {"detail": "Not found."}


def unit(collection, checksum, spec="image_1", path="a.png", **more):
    return {"data_collection": collection, "files": {spec: {"checksum": checksum, "path": path}}, **more}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in switches().items() for value in values])
def test_a_unit_of_two_files_can_be_made_whatever_is_switched(start, name, value):
    server, api = start(**{name: value})
    collection = server.create_collection("c", specs=SPECS)
    body = unit(collection, api.send_file(b"image"))
    body["files"]["report_1"] = {"checksum": api.send_file(b"report", "a.pdf"), "path": "a.pdf"}
    assert api.call("POST", "data_units/", [body]).status_code == 201
    assert server.units(collection)[0]["files"].keys() == body["files"].keys()


@pytest.mark.parametrize(
    "path", ["v2/data-collections/", BULK, "v2/data-collections/1/upload-urls/", "v2/users/me/", "v2/no/such/"]
)
@pytest.mark.parametrize("token", ["syn_dev", "wrong"])
def test_without_v2_its_paths_are_v1s_404_for_anybody(start, path, token):
    _, api = start(v2=False)
    for method in ("GET", "POST"):
        answer = api.call(method, path, {}, headers={"Synapse-Access-Token": token})
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert api.call("GET", "data_collections/").status_code == 200


def test_without_verify_its_path_is_a_404(start):
    _, api = start(verify=False)
    answer = api.call("POST", VERIFY, {"checksums": []})
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert api.send_file(b"still taken")


@pytest.mark.parametrize("limit", switches()["verify_limit"])
def test_verify_takes_as_many_checksums_as_its_limit(start, limit):
    _, api = start(verify_limit=limit)
    assert api.call("POST", VERIFY, {"checksums": ["0" * 32] * limit}).status_code == 200
    assert api.call("POST", VERIFY, {"checksums": ["0" * 32] * (limit + 1)}).status_code == 400


@pytest.mark.parametrize(("scope", "told"), [("usable", 0), ("tenant", 1)])
def test_a_foreign_file_is_told_of_by_a_lookup_of_the_whole_tenant_only(start, scope, told):
    server, api = start(verify_scope=scope)
    checksum = server.add_foreign(b"theirs")
    assert len(api.call("POST", VERIFY, {"checksums": [checksum]}).json()["existing_checksums"]) == told
    assert len(api.call("GET", f"v2/data-files/?checksum={checksum}").json()["data"]) == told
    assert api.call("GET", "v2/data-files/1/").status_code == (200 if told else 404)


@pytest.mark.parametrize("scope", switches()["verify_scope"])
def test_a_foreign_file_can_not_be_bound_until_its_bytes_were_sent(start, scope):
    server, api = start(verify_scope=scope)
    collection = server.create_collection("c", specs=SPECS)
    body = unit(collection, server.add_foreign(b"theirs"))
    bulk = {"data_collection": collection, "units": [{"files": body["files"]}]}
    assert api.call("POST", "data_units/", [body]).status_code == 400
    assert api.call("POST", BULK, bulk).status_code == 400
    api.send_file(b"theirs")
    assert api.call("POST", "data_units/", [body]).status_code == 201
    assert api.call("POST", BULK, bulk).status_code == 201


def test_bytes_that_were_sent_are_usable_under_either_checksum(start):
    server, api = start(verify_scope="usable")
    checksums = [server.add_foreign(b"theirs", "sha1"), server.add_foreign(b"theirs", "md5")]
    assert checksums == [hashlib.sha1(b"theirs").hexdigest(), hashlib.md5(b"theirs").hexdigest()]
    api.send_file(b"theirs")
    assert api.call("POST", VERIFY, {"checksums": checksums}).json() == {"existing_checksums": checksums}


def test_a_file_that_is_ours_already_does_not_become_foreign(start):
    server, api = start()
    checksum = api.send_file(b"ours")
    assert server.add_foreign(b"ours") == checksum
    assert api.call("POST", VERIFY, {"checksums": [checksum]}).json() == {"existing_checksums": [checksum]}


@pytest.mark.parametrize(("empty", "status"), [("reject", 400), ("accept", 201)])
def test_an_empty_file_is_taken_or_not(start, empty, status):
    _, api = start(empty_files=empty)
    answer = api.call("POST", "data_files/", files={"file": ("a.png", b"")})
    assert answer.status_code == status
    assert status == 400 or requests.get(answer.json()["file"], timeout=5).content == b""


def confirmed(api, sent, told):
    """The result of confirming an upload of the bytes `sent` as if they were `told`."""
    issue = {"files": [{"filename": "a.png", "size": len(sent)}]}
    file = api.call("POST", "data_files/presigned_upload/upload/", issue).json()["files"][0]
    assert requests.put(file["presigned_url"], data=sent, timeout=5).status_code == 200
    entry = {"file_key": file["file_key"], "checksum": hashlib.sha1(told).hexdigest(), "size": len(sent)}
    answer = api.call("POST", "data_files/presigned_upload/confirm_upload/", {"files": [entry]})
    return answer.json()["results"][0]


@pytest.mark.parametrize(("check", "success"), [(True, False), (False, True)])
def test_a_wrong_checksum_of_a_presigned_upload_is_noticed_or_taken_on_trust(start, check, success):
    _, api = start(presigned_check=check)
    assert confirmed(api, b"sent", b"told")["success"] is success


@pytest.mark.parametrize(("etags", "is_md5"), [("md5", True), ("opaque", False)])
def test_a_multipart_upload_is_confirmed_by_its_etags_whatever_they_are(start, etags, is_md5):
    _, api = start(etags=etags, multipart_threshold=4, part_size=4)
    issue = {"files": [{"filename": "a.png", "size": 8}]}
    file = api.call("POST", "data_files/presigned_upload/upload/", issue).json()["files"][0]
    upload = {"upload_id": file["multipart"]["upload_id"], "parts": []}
    for part in file["multipart"]["parts"]:
        etag = requests.put(part["presigned_url"], data=b"half", timeout=5).headers["ETag"]
        assert (etag == f'"{hashlib.md5(b"half").hexdigest()}"') is is_md5
        upload["parts"].append({"part_number": part["part_number"], "etag": etag})
    digest = hashlib.sha1(b"halfhalf").hexdigest()
    entry = {"file_key": file["file_key"], "checksum": digest, "size": 8, "multipart": upload}
    answer = api.call("POST", "data_files/presigned_upload/confirm_upload/", {"files": [entry]})
    assert answer.json()["results"][0]["success"]


def test_what_can_not_presign_says_so(start):
    _, api = start(provider="azure")
    answer = api.call("POST", "data_files/presigned_upload/upload/", {"files": [{"filename": "a", "size": 1}]})
    assert (answer.status_code, "presigned" in answer.json()["detail"]) == (400, True)


FULL = {"id", "data_collection", "meta", "group", "groups", "files", "created"}


@pytest.mark.parametrize(
    ("listing", "keys", "of_a_file"),
    [
        ("full", FULL, {"url", "checksum", "path", "size"}),
        ("files", FULL - {"meta"}, {"url", "checksum", "path", "size"}),
        ("meta", FULL, {"url"}),
        ("bare", {"id", "data_collection", "created"}, None),
    ],
)
def test_a_list_of_units_shows_more_or_less(start, listing, keys, of_a_file):
    server, api = start(v1_listing=listing)
    body = unit(server.create_collection("c", specs=SPECS), api.send_file(b"x"), meta={"a": 1})
    made = api.call("POST", "data_units/", [body]).json()[0]
    assert made.keys() == FULL
    for shown in (api.call("GET", "data_units/").json()["results"][0], api.call("GET", "data_units/1/").json()):
        assert shown.keys() == keys
        assert of_a_file is None or shown["files"]["image_1"].keys() == of_a_file


@pytest.fixture
def two_of_all(start):
    """Starts a backend with two collections, each with a unit and a project with its task."""

    def two_of_all(**options):
        server, api = start(**options)
        for name in ("first", "second"):
            collection = server.create_collection(name, specs=SPECS)
            body = unit(collection, api.send_file(b"x"))
            made = api.call("POST", "data_units/", body).json()["id"]
            project = server.create_project(name, collection)
            api.call("POST", "tasks/", {"project": project, "data": [{"data_unit": made}]})
        return api

    return two_of_all


@pytest.mark.parametrize(("filters", "ids"), [(True, [1]), (False, [2, 1])])
@pytest.mark.parametrize("path", ["data_units/?data_collection=1", "tasks/?project=1", "sdk/tasks/?project=1"])
def test_a_filter_of_v1_is_heeded_or_not(two_of_all, filters, ids, path):
    api = two_of_all(v1_filters=filters)
    assert [row["id"] for row in api.call("GET", path).json()["results"]] == ids


def test_a_page_of_tasks_tells_project_and_unit(two_of_all):
    page = two_of_all().call("GET", "sdk/tasks/?project=2&page_size=1").json()
    assert (page["count"], page["next"]) == (1, None)
    assert page["results"][0].items() >= {"id": 2, "project": 2, "data_unit": 2}.items()


@pytest.mark.parametrize(("order", "ids"), [("newest", [2, 1]), ("oldest", [1, 2])])
@pytest.mark.parametrize("path", ["data_units/", "sdk/tasks/", "data_collections/"])
def test_v1_lists_begin_at_either_end(two_of_all, order, ids, path):
    api = two_of_all(v1_order=order)
    assert [row["id"] for row in api.call("GET", path).json()["results"]] == ids
    asked = [[row["id"] for row in api.call("GET", f"{path}?ordering={by}").json()["results"]] for by in ("id", "-id")]
    assert asked == [[1, 2], [2, 1]]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("path", ["data_units/", "sdk/tasks/", "data_collections/"])
def test_v1_tells_the_time_of_creation_or_not(two_of_all, told, path):
    api = two_of_all(v1_created=told)
    one = api.call("GET", path.removeprefix("sdk/") + "1/").json()
    for row in (*api.call("GET", path).json()["results"], one):
        assert ("created" in row) is told


@pytest.mark.parametrize("path", ["data_units/?page_size=100", "v2/data-units/?per_page=100"])
def test_a_page_has_no_more_rows_than_the_limit(two_of_all, path):
    page = two_of_all(page_limit=1).call("GET", path).json()
    assert len(page.get("data", page.get("results"))) == 1
    assert page["next"] if "next" in page else page["meta"]["pagination"]["next_cursor"]


def test_tasks_made_can_be_told_in_results(start):
    server, api = start(v1_reply="results")
    collection = server.create_collection("c", specs=SPECS)
    api.call("POST", "data_units/", [unit(collection, api.send_file(b"x"))])
    body = {"project": server.create_project("p", collection), "data": [{"data_unit": 1}]}
    assert [task["data_unit"] for task in api.call("POST", "tasks/", body).json()["results"]] == [1]


@pytest.mark.parametrize(("atomic", "made"), [(True, 0), (False, 2)])
def test_a_v1_request_with_a_bad_unit_is_a_400_and_makes_nothing_or_the_good_ones(start, atomic, made):
    server, api = start(v1_atomic=atomic)
    collection = server.create_collection("c", specs=SPECS)
    good, bad = unit(collection, api.send_file(b"x")), unit(collection, "f" * 40)
    answer = api.call("POST", "data_units/", [good, bad, good])
    assert (answer.status_code, [bool(problems) for problems in answer.json()]) == (400, [False, True, False])
    assert len(server.units(collection)) == made


@pytest.mark.parametrize(
    ("spec", "path"),
    [("nothing_1", "a.png"), ("report_1", "a.png"), ("image_1", "a.jpg")],
    ids=["name", "lack", "type"],
)
@pytest.mark.parametrize(("specs", "status"), [("reject", 400), ("accept", 201)])
def test_v1_looks_at_the_specs_or_takes_anything(start, spec, path, specs, status):
    server, api = start(v1_specs=specs)
    collection = server.create_collection("c", specs=SPECS)
    body = unit(collection, api.send_file(b"x"), spec, path)
    assert api.call("POST", "data_units/", [body]).status_code == status
    assert [list(made["files"]) for made in server.units(collection)] == ([[spec]] if status == 201 else [])


@pytest.mark.parametrize(("reuse", "meta"), [("keep", {"a": 1}), ("replace", {"a": 2})])
def test_a_reused_unit_keeps_its_meta_or_not(start, reuse, meta):
    server, api = start(v2_reuse_meta=reuse)
    collection = server.create_collection("c", specs=SPECS)
    files = unit(collection, api.send_file(b"x"))["files"]
    for value in (1, 2):
        bulk = {"data_collection": collection, "units": [{"files": files, "meta": {"a": value}}]}
        answer = api.call("POST", BULK, bulk)
        if description_file():
            validate_response("POST", f"/{BULK}", 201, answer.json())
    assert [made["meta"] for made in server.units(collection)] == [meta]


@pytest.mark.parametrize("repeat", ["duplicate", "reuse"])
@pytest.mark.parametrize(("known", "more"), [(True, 0), (False, 1)])
def test_v2_finds_the_units_of_v1_or_not(start, known, more, repeat):
    server, api = start(v2_knows_v1=known, v1_repeat=repeat)
    collection = server.create_collection("c", specs=SPECS)
    body = unit(collection, api.send_file(b"x"))
    for _ in range(2):
        api.call("POST", "data_units/", [body])
    before = len(server.units(collection))
    for _ in range(2):
        api.call("POST", BULK, {"data_collection": collection, "units": [{"files": body["files"]}]})
    assert len(server.units(collection)) == before + more


STORED = {"bucket_name": "scans", "access_key": "AK", "secret_key": "SK"}


def test_a_storage_is_told_by_a_session_and_by_its_configuration(start):
    server, api = start()
    made = server.create_storage("minio", STORED, name="NAS")
    assert made == 11
    about = {"id": 11, "name": "NAS", "category": "external", "provider": "minio", "is_default": False}
    assert api.call("GET", "storages/11/").json() == {**about, "configuration": {}}
    assert api.call("GET", "storages/11/?with_configuration=true").json() == {**about, "configuration": STORED}
    session = api.call("POST", "storages/11/session/", {"purpose": "read"}).json()
    assert session.pop("expires_at")
    assert session == {"provider": "minio", "configuration": STORED, "contract_version": 1}
    assert api.call("POST", "storages/11/session/", {"purpose": "look"}).status_code == 400
    assert api.call("POST", "storages/12/session/", {"purpose": "read"}).status_code == 404
    assert [storage["id"] for storage in api.call("GET", "storages/?category=internal").json()] == [1]
    assert [storage["id"] for storage in api.call("GET", "storages/").json()] == [1, 11]


def test_a_storage_by_the_controls(start):
    _, api = start()
    made = api.call("POST", "_dev/storages", {"name": "NAS", "provider": "local", "configuration": {"location": "/a"}})
    assert made.json() == {"id": 11}
    assert api.call("POST", "_dev/storages", {}).status_code == 400


def test_without_sessions_their_path_is_a_404(start):
    server, api = start(sessions=False)
    server.create_storage("minio", STORED)
    answer = api.call("POST", "storages/11/session/", {"purpose": "read"})
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert api.call("GET", "storages/11/?with_configuration=true").json()["configuration"] == STORED


def test_a_session_may_have_no_end(start):
    server, api = start(session_seconds=0.0)
    server.create_storage("minio", STORED)
    assert "expires_at" not in api.call("POST", "storages/11/session/", {"purpose": "read"}).json()


@pytest.mark.parametrize("code", [code for code in switches()["session_code"] if code])
def test_a_storage_may_hand_out_no_session_for_good(start, code):
    server, api = start(session_code=code)
    server.create_storage("minio", STORED)
    answer = api.call("POST", "storages/11/session/", {"purpose": "read"})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_credentials_may_be_managed_elsewhere(start):
    server, api = start(storage_secrets=False)
    server.create_storage("minio", STORED)
    told = api.call("GET", "storages/11/?with_configuration=true").json()["configuration"]
    assert told == {"bucket_name": "scans"}
