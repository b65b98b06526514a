"""Every v2 answer of the embedded backend, good or bad, is as the published API description says."""

import hashlib

import pytest
import requests

from tests.contract.openapi import validate_request, validate_response

pytestmark = pytest.mark.usefixtures("description")

SPECS = [
    {"name": "image_1", "file_type": "image", "is_required": True},
    {"name": "report_1", "file_type": "document", "is_required": False},  # a type that only v1 knows
]


@pytest.fixture
def judged(api):
    """Calls the backend, has the judge look at what was sent and at what came back, and returns the data in it."""

    def judged(method, path, body=None, *, status=200, judge_request=True, **more):
        if judge_request:
            validate_request(method, f"/{path}", body)
        answer = api.call(method, path, body, **more)
        assert answer.status_code == status, answer.text
        shown = answer.json() if answer.content else None
        validate_response(method, f"/{path}", status, shown)
        return shown and shown.get("data", shown)

    return judged


@pytest.fixture
def collection(devserver):
    return devserver.create_collection("scans", specs=SPECS, meta_schema={"properties": {"age": {"type": "integer"}}})


@pytest.fixture
def unit(api):
    """A unit that can be made."""
    return {"files": {"image_1": {"checksum": api.send_file(b"judged"), "path": "a.png"}}, "meta": {"age": 1}}


def test_collections_and_groups(judged, collection):
    judged("GET", "v2/data-collections/?per_page=2")
    judged("GET", f"v2/data-collections/{collection}/")
    specs = [{"name": "image_1", "file_type": "image"}]
    new = {"name": "n", "category": "image", "file_specifications": specs}
    judged("POST", "v2/data-collections/?dry_run=true", new, status=201)
    made = judged("POST", "v2/data-collections/", new, status=201)["id"]
    judged("PUT", f"v2/data-collections/{made}/", {**new, "name": "m"})
    judged("PATCH", f"v2/data-collections/{made}/", {"description": "d"})
    group = judged("POST", f"v2/data-collections/{made}/groups/", {"name": "g"}, status=201)["id"]
    judged("GET", f"v2/data-collections/{made}/groups/")
    judged("GET", f"v2/data-collections/{made}/groups/{group}/")
    judged("DELETE", f"v2/data-collections/{made}/groups/{group}/", status=204)
    judged("DELETE", f"v2/data-collections/{made}/", status=204)
    judged("GET", "v2/schemas/file-specifications/?category=image")
    judged("GET", "v2/schemas/file-specifications/?category=nothing", status=400)


@pytest.mark.parametrize("size", [5, 100_000], ids=["single", "multipart"])
def test_presigned_uploads(judged, collection, size):
    content = bytes(size)
    file = {"filename": "a.png", "size": size, "content_type": "image/png"}
    (issue,) = judged("POST", f"v2/data-collections/{collection}/upload-urls/", {"files": [file]})["files"]
    confirm = {"file_key": issue["file_key"], "checksum": hashlib.sha1(content).hexdigest(), "size": size}
    path = f"v2/data-collections/{collection}/finalize-upload/"
    assert judged("POST", path, {"files": [confirm]})["failed_count"] == 1  # nothing was sent yet
    if issue["multipart"]:
        length = issue["multipart"]["part_size"]
        parts = [
            {
                "part_number": part["part_number"],
                "etag": requests.put(
                    part["presigned_url"], data=content[(part["part_number"] - 1) * length :][:length], timeout=5
                ).headers["ETag"],
            }
            for part in issue["multipart"]["parts"]
        ]
        confirm["multipart"] = {"upload_id": issue["multipart"]["upload_id"], "parts": parts}
    else:
        requests.put(issue["presigned_url"], data=content, headers={"Content-Type": "image/png"}, timeout=5)
    judged("POST", path + "?dry_run=true", {"files": [confirm]})
    assert judged("POST", path, {"files": [confirm]})["created_count"] == 1


def test_units_and_data_files(judged, collection, unit):
    bulk = {"data_collection": collection, "units": [{**unit, "groups": ["g"]}]}
    judged("POST", "v2/data-units/bulk-create/?dry_run=true", bulk, status=201)
    made = judged("POST", "v2/data-units/bulk-create/", bulk, status=201)["results"][0]
    judged("GET", f"v2/data-units/?data_collection={collection}&per_page=1")
    judged("GET", f"v2/data-units/{made['data_unit_id']}/")
    empty = judged("POST", "v2/data-units/", {"data_collection": collection, "meta": {}}, status=201)["id"]
    judged("PUT", f"v2/data-units/{empty}/", {"data_collection": collection, "group": None})
    judged("PATCH", f"v2/data-units/{empty}/", {"meta": {"age": 5}})
    judged("DELETE", f"v2/data-units/{empty}/", status=204)
    checksum = unit["files"]["image_1"]["checksum"]
    (found,) = judged("GET", f"v2/data-files/?checksum={checksum}&data_collection={collection}")
    judged("GET", f"v2/data-files/{found['id']}/")


def test_projects_and_tasks(judged, collection, unit):
    new = {"title": "labels", "category": "image", "data_collection": collection, "configuration": {}}
    project = judged("POST", "v2/projects/", new, status=201)["id"]
    judged("POST", "v2/projects/", {**new, "data_collection": None}, status=201)
    judged("GET", f"v2/projects/?data_collection={collection}")
    judged("GET", f"v2/projects/{project}/")
    bulk = {"data_collection": collection, "units": [unit]}
    made = judged("POST", "v2/data-units/bulk-create/", bulk, status=201)["results"][0]["data_unit_id"]
    judged("POST", "v2/tasks/bulk-create/", {"project": project, "data_unit_ids": [made]}, status=201)
    task = judged("POST", "v2/tasks/", {"project": project, "data_unit": made}, status=201)["id"]
    judged("GET", f"v2/tasks/?project={project}&is_discarded=false")
    judged("GET", f"v2/tasks/{task}/")
    judged("POST", "v2/tasks/bulk-fetch/", {"ids": [task]}, judge_request=False)  # its body is described in words only


def test_accounts(judged):
    judged("GET", "v2/users/me/")
    made = judged("POST", "v2/tokens/", {"description": "d"}, status=201)["id"]
    judged("GET", "v2/tokens/")
    judged("GET", f"v2/tokens/{made}/")
    judged("DELETE", f"v2/tokens/{made}/", status=204)
    judged("POST", "users/login/", {"email": "a@example.com", "password": "devserver"})


BAD_UNITS = {
    "no unit": [],
    "too many": [{"files": {}}] * 1001,
    "no files": [{}],
    "unknown checksum": [{"files": {"image_1": {"checksum": "f" * 40}}}],
    "no checksum": [{"files": {"image_1": {}}}],
    "unknown spec": [{"files": {"nothing_1": {"checksum": "f"}}}],
    "required file missing": [{"files": {}}],
    "meta against the schema": [{"files": {}, "meta": {"age": "old"}}],
    "groups that are no list": [{"files": {}, "groups": "abc"}],
    "a path too long": [{"files": {"image_1": {"checksum": "f", "path": "x" * 1025}}}],
}


@pytest.mark.parametrize("units", BAD_UNITS.values(), ids=BAD_UNITS.keys())
def test_bad_units_are_refused_in_the_error_envelope(judged, collection, units):
    body = {"data_collection": collection, "units": units}
    error = judged("POST", "v2/data-units/bulk-create/", body, status=400, judge_request=False)["error"]
    assert error["details"][0]["field"].startswith("units")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "v2/data-units/999999/", None, 404),
        ("GET", "v2/data-units/?cursor=nonsense", None, 404),
        ("GET", "v2/data-collections/999999/", None, 404),
        ("GET", "v2/tasks/999999/", None, 404),
        ("GET", "v2/projects/999999/", None, 404),
        ("POST", "v2/data-collections/999999/upload-urls/", {"files": []}, 404),
        ("POST", "v2/data-collections/", {"name": "n"}, 400),
        ("POST", "v2/data-collections/", {"name": "", "category": "image", "file_specifications": []}, 400),
        ("POST", "v2/data-units/bulk-create/", {"data_collection": 999999, "units": [{"files": {}}]}, 400),
        ("POST", "v2/data-units/bulk-create/", {"data_collection": "x", "units": []}, 400),
        ("POST", "v2/data-units/bulk-create/", [], 400),
        ("POST", "v2/tasks/bulk-create/", {"project": 999999, "data_unit_ids": [1]}, 400),
        ("POST", "v2/tasks/bulk-create/", {"project": 1, "data_unit_ids": []}, 400),
        ("POST", "v2/tasks/bulk-fetch/", {"ids": []}, 400),
        ("POST", "v2/tasks/bulk-fetch/", {"ids": list(range(201))}, 400),
        ("POST", "v2/projects/", {"title": "t"}, 400),
        ("POST", "users/login/", {"email": "a@example.com", "password": "wrong"}, 400),
    ],
)
def test_what_is_not_there_or_not_right_is_refused_in_the_error_envelope(api, method, path, body, status):
    answer = api.call(method, path, body)
    assert answer.status_code == status
    if path.startswith("v2/"):
        validate_response(method, f"/{path}", status, answer.json())


@pytest.mark.parametrize("bad", [{"size": 0}, {"filename": ""}, {"content_type": None}, {"filename": "x" * 256}])
def test_issue_requests_outside_the_limits_are_refused(judged, collection, bad):
    body = {"files": [{"filename": "a.png", "size": 1, **bad}]}
    judged("POST", f"v2/data-collections/{collection}/upload-urls/", body, status=400, judge_request=False)


def test_a_missing_token_is_refused_in_the_error_envelope(devserver):
    answer = requests.get(f"{devserver.url}/v2/data-units/", timeout=5)
    assert answer.status_code == 401
    validate_response("GET", "/v2/data-units/", 401, answer.json())
