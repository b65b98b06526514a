"""The real synapse-sdk's v2 client, unmodified, against the embedded backend; its models check every answer."""

import hashlib

import pytest
import requests

from synapse_sync.devserver import DevServer, Options

pytestmark = pytest.mark.usefixtures("sdk")

COLLECTION = {
    "name": "scans",
    "category": "image",
    "file_specifications": [
        {"name": "image_1", "file_type": "image", "is_required": True, "is_primary": True},
        {"name": "label_1", "file_type": "data", "is_required": False},
    ],
}


@pytest.fixture
def client(devserver):
    from synapse_sdk.clients.backend_v2 import BackendClientV2

    client = BackendClientV2(devserver.url, access_token=devserver.options.token, tenant="acme", allow_insecure=True)
    yield client
    client.reset_connection()


@pytest.fixture
def collection(client):
    return client.data_collections.create(COLLECTION).id


@pytest.fixture
def send(client, collection):
    """Sends bytes through upload-urls and finalize-upload; returns the finalize result."""

    def send(content: bytes, name: str = "a.png", checksum: str = ""):
        issue = client.data_collections.upload_urls(collection, {"files": [{"filename": name, "size": len(content)}]})
        file = issue.files[0]
        body = {"file_key": file.file_key, "size": len(content)}
        body["checksum"] = checksum or hashlib.sha1(content).hexdigest()
        if file.multipart is None:
            requests.put(str(file.presigned_url), data=content, timeout=5).raise_for_status()
        else:
            size, parts = file.multipart.part_size, []
            for part in file.multipart.parts:
                piece = content[(part.part_number - 1) * size :][:size]
                put = requests.put(str(part.presigned_url), data=piece, timeout=5)
                put.raise_for_status()
                parts.append({"part_number": part.part_number, "etag": put.headers["ETag"]})
            body["multipart"] = {"upload_id": file.multipart.upload_id, "parts": parts}
        return client.data_collections.finalize_upload(collection, {"files": [body]}).results[0]

    return send


def test_collections_are_made_changed_listed_and_deleted(client, collection):
    detail = client.data_collections.retrieve(collection)
    assert [spec.name for spec in detail.file_specifications] == ["image_1", "label_1"]
    renamed = client.data_collections.partial_update(collection, {"name": "lungs"})
    assert renamed.name == "lungs"
    assert collection in [listed.id for listed in client.data_collections.list(per_page=100).results]
    client.data_collections.destroy(collection)
    assert collection not in [listed.id for listed in client.data_collections.list(per_page=100).results]


def test_the_extensions_of_a_file_type_come_from_the_schemas(client):
    schema = client.schemas.file_specifications()
    assert {"jpg", "jpeg", "png"} <= set(schema["file_types"]["image"]["extensions"])
    assert schema["file_types"].keys() == schema["categories"].keys()


@pytest.mark.parametrize("size", [20, 100_000], ids=["single", "multipart"])
def test_a_presigned_upload_is_addressed_by_the_clients_digest(send, size):
    content = bytes(size) + b"of its own"
    first, again = send(content), send(content)
    assert (first.success, first.created) == (True, True)
    assert (again.success, again.created) == (True, False)
    assert first.data_file_id == again.data_file_id
    assert first.checksum == hashlib.sha1(content).hexdigest()


def test_a_digest_that_is_not_that_of_the_bytes_fails_inside_a_200(send):
    result = send(b"these bytes", checksum="0" * 40)
    assert (result.success, result.data_file_id) == (False, None)
    assert result.error


def test_data_files_are_found_by_checksum(client, send):
    sent = send(b"to be found")
    (found,) = client.data_files.list(checksum=sent.checksum).results
    assert (found.id, found.file_size) == (sent.data_file_id, 11)
    assert client.data_files.retrieve(found.id).checksum == sent.checksum


def test_units_are_made_in_order_and_only_once(client, devserver, collection, send):
    checksums = [send(b"unit %d" % number).checksum for number in range(3)]
    units = [
        {"files": {"image_1": {"checksum": c, "path": "a.png"}}, "meta": {"n": n}} for n, c in enumerate(checksums)
    ]
    payload = {"data_collection": collection, "units": units}
    first = client.data_units.bulk_create(payload)
    again = client.data_units.bulk_create(payload)
    assert (first["created_count"], first["reused_count"]) == (3, 0)
    assert (again["created_count"], again["reused_count"]) == (0, 3)
    ids = [result["data_unit_id"] for result in first["results"]]
    assert ids == [result["data_unit_id"] for result in again["results"]]
    assert [unit["meta"] for unit in devserver.units(collection)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert client.data_units.retrieve(ids[1]).meta == {"n": 1}


def test_a_dry_run_tells_the_outcome_and_changes_nothing(client, devserver, collection, send):
    unit = {"files": {"image_1": {"checksum": send(b"dry").checksum, "path": "a.png"}}}
    told = client.data_units.bulk_create({"data_collection": collection, "units": [unit]}, dry_run=True)
    assert told["created_count"] == 1
    assert devserver.units(collection) == []


def test_one_unknown_checksum_refuses_the_whole_request(client, devserver, collection, send):
    from synapse_sdk.exceptions import ClientError

    good = {"files": {"image_1": {"checksum": send(b"good").checksum, "path": "a.png"}}}
    bad = {"files": {"image_1": {"checksum": "f" * 40, "path": "b.png"}}}
    with pytest.raises(ClientError) as refused:
        client.data_units.bulk_create({"data_collection": collection, "units": [good, bad]})
    assert refused.value.status_code == 400
    assert refused.value.detail["error"]["details"][0]["field"] == "units[1].files.image_1"
    assert devserver.units(collection) == []


def test_meta_of_a_unit_can_be_changed(client, devserver, collection, send):
    unit = {"files": {"image_1": {"checksum": send(b"changing").checksum}}, "meta": {"age": 1}}
    made = client.data_units.bulk_create({"data_collection": collection, "units": [unit]})
    unit_id = made["results"][0]["data_unit_id"]
    assert client.data_units.partial_update(unit_id, {"meta": {"age": 2}}).meta == {"age": 2}
    assert devserver.units(collection)[0]["meta"] == {"age": 2}


def test_groups_of_units_appear_among_the_collections_groups(client, collection, send):
    unit = {"files": {"image_1": {"checksum": send(b"grouped").checksum}}, "groups": ["site-a", "day-2"]}
    client.data_units.bulk_create({"data_collection": collection, "units": [unit]})
    groups = client.data_collections.groups(collection)
    assert {group.name for group in groups.list().results} == {"site-a", "day-2"}
    assert groups.retrieve(groups.create({"name": "site-b"}).id).name == "site-b"


def test_tasks_are_made_once_however_often_they_are_asked_for(client, devserver, collection, send):
    project = client.projects.create(
        {"title": "labels", "category": "image", "data_collection": collection, "configuration": {}}
    ).id
    units = [{"files": {"image_1": {"checksum": send(b"task %d" % n).checksum}}} for n in range(2)]
    made = client.data_units.bulk_create({"data_collection": collection, "units": units})
    payload = {"project": project, "data_unit_ids": [result["data_unit_id"] for result in made["results"]]}
    assert client.tasks.bulk_create(payload) == {"created_count": 2, "skipped_count": 0}
    assert client.tasks.bulk_create(payload) == {"created_count": 0, "skipped_count": 2}
    ids = [task["id"] for task in devserver.tasks(project)]
    assert sorted(task.id for task in client.tasks.list(project=project).results) == ids
    fetched = client.tasks.bulk_fetch([ids[1], 10**6, ids[0]])
    assert [task["id"] for task in fetched] == [ids[1], ids[0]]


def test_cursors_lead_through_the_whole_list(client, collection, send):
    units = [{"files": {"image_1": {"checksum": send(b"page %d" % n).checksum}}} for n in range(5)]
    client.data_units.bulk_create({"data_collection": collection, "units": units})
    seen, cursor = [], None
    while True:
        page = client.data_units.list(data_collection=collection, per_page=2, cursor=cursor)
        seen += [unit.id for unit in page.results]
        if page.next is None:
            break
        cursor = page.next
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


def test_bare_answers_serve_the_sdks_own_paging(tmp_path):
    """`list_all` follows `next` as a URL, which only the older shape without the envelope gives."""
    from synapse_sdk.clients.backend_v2 import BackendClientV2

    with DevServer(Options(data=tmp_path, envelope=False)) as server:
        client = BackendClientV2(server.url, access_token=server.options.token, allow_insecure=True)
        made = [client.data_collections.create({**COLLECTION, "name": f"c{n}"}).id for n in range(5)]
        assert [row.id for row in client.data_collections.list(per_page=2, list_all=True)] == made[::-1]
        client.reset_connection()


def test_logging_in_gives_a_user_token_that_works(devserver):
    from synapse_sdk.clients.backend_v2 import BackendClientV2

    client = BackendClientV2(devserver.url, allow_insecure=True)
    client.auth.login(email="dev@example.com", password="devserver")
    assert client.account.me().email
    made = client.tokens.create({"description": "for a script"})
    other = BackendClientV2(devserver.url, access_token=made.token.get_secret_value(), allow_insecure=True)
    assert other.account.me().name
    client.tokens.destroy(made.id)
    from synapse_sdk.exceptions import ClientError

    with pytest.raises(ClientError):
        other.account.me()
    client.reset_connection()
    other.reset_connection()
