"""The real synapse-sdk's v1 client, unmodified, against the embedded backend."""

import hashlib
import json

import pytest
import requests

pytestmark = pytest.mark.usefixtures("sdk")

SPECS = [
    {"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True},
    {"name": "label_1", "file_type": "data", "extensions": [".json"], "is_required": False},
]


@pytest.fixture
def client(devserver):
    from synapse_sdk.clients.backend import BackendClient

    with BackendClient(devserver.url, access_token=devserver.options.token, tenant="acme") as client:
        yield client


@pytest.fixture
def collection(devserver):
    return devserver.create_collection("scans", specs=SPECS)


def test_collections_are_listed_and_shown_with_their_specs(client, collection):
    listed = client.list_data_collections()
    assert listed["count"] >= 1
    assert listed["results"][0]["id"] == collection  # newest first
    shown = client.get_data_collection(collection)
    assert [(s["name"], s["extensions"], s["is_required"]) for s in shown["file_specifications"]] == [
        ("image_1", [".png"], True),
        ("label_1", [".json"], False),
    ]


def test_a_file_sent_whole_gets_its_md5_as_checksum(client, picture):
    sent = client.create_data_file(picture)
    assert sent["checksum"] == hashlib.md5(picture.read_bytes()).hexdigest()
    assert requests.get(sent["file"], timeout=5).content == picture.read_bytes()


def test_a_file_sent_in_parts_becomes_a_data_file(client, devserver, tmp_path):
    file = tmp_path / "volume.bin"
    file.write_bytes(bytes(range(256)) * 400)
    progress = []
    upload = client.create_chunked_upload(file, chunk_size=40_000, on_progress=lambda *now: progress.append(now))
    assert progress == [(40_000, 102_400), (80_000, 102_400), (102_400, 102_400)]
    assert client.get_chunked_upload(upload["id"])["completed_at"]
    data_file = client._post("data_files/", data={"chunked_upload": upload["id"]})
    assert data_file["checksum"] == hashlib.md5(file.read_bytes()).hexdigest()
    assert devserver.stats()["requests"]["PUT chunked_upload/{id}/"] == 2


def test_the_sdk_recovers_a_lost_finalize_answer(client, devserver, picture):
    """Its recheck finds `completed_at`, so the embedded backend shows it where the SDK looks."""
    devserver.fault("POST chunked_upload/{id}/", "drop_after")
    assert client.create_data_file(picture, use_chunked_upload=True)["id"]


def test_only_known_checksums_are_reported(client, picture):
    checksum = client.create_data_file(picture)["checksum"]
    assert client.verify_data_files_checksums([checksum, "f" * 32]) == {"existing_checksums": [checksum]}


def test_presigned_uploads_are_addressed_by_sha1(client, tmp_path):
    files = [tmp_path / name for name in ("a.png", "b.bin")]
    files[0].write_bytes(b"\x89PNG\r\n\x1a\nsmall")
    files[1].write_bytes(bytes(range(250)) * 400)  # above the multipart threshold
    result = client.upload_files_bulk(files, strategy="presigned")
    assert (result.created_count, result.failed_count) == (2, 0)
    by_path = {entry.file_key: entry for entry in result.results}
    for file in files:
        assert by_path[str(file)].checksum == hashlib.sha1(file.read_bytes()).hexdigest()
        assert by_path[str(file)].data_file_id


def test_the_default_storage_selects_the_presigned_route(client, devserver, picture):
    assert client.get_default_storage()["provider"] == "amazon_s3"
    assert client.get_storage(1).configuration
    assert client.upload_files_bulk([picture]).created_count == 1
    assert devserver.stats()["requests"]["PUT object/"] == 1


def test_units_are_made_listed_and_downloaded(client, devserver, collection, picture):
    checksum = client.create_data_file(picture)["checksum"]
    unit = {
        "data_collection": collection,
        "files": {"image_1": {"checksum": checksum, "path": "site/scan.png"}},
        "meta": {"age": 3},
        "groups": ["site", "day"],
    }
    made = client.create_data_units([unit])
    assert [made[0]["id"]] == [stored["id"] for stored in devserver.units(collection)]
    shown = client.get_data_unit(made[0]["id"], params={"expand": "files"})
    assert (shown["meta"], shown["groups"]) == ({"age": 3}, ["site", "day"])
    units, _ = client.list_data_units({"data_collection": collection}, list_all=True)
    (unit,) = units  # by now the SDK has downloaded each file and put its path in the place of its url
    assert unit["files"]["image_1"]["path"].read_bytes() == picture.read_bytes()


def test_listing_follows_the_pages_to_the_end(client, devserver, collection, picture):
    checksum = client.create_data_file(picture)["checksum"]
    unit = {"data_collection": collection, "files": {"image_1": {"checksum": checksum, "path": "a.png"}}}
    client.create_data_units([unit] * 5)
    found, count = client.list_data_units(
        {"data_collection": collection}, url_conversion={}, list_all=True, page_size=2
    )
    assert sorted(unit["id"] for unit in found) == [unit["id"] for unit in devserver.units(collection)]
    assert count == 5


def test_repeating_a_v1_registration_makes_duplicates(client, devserver, collection, picture):
    checksum = client.create_data_file(picture)["checksum"]
    unit = {"data_collection": collection, "files": {"image_1": {"checksum": checksum, "path": "a.png"}}}
    client.create_data_units([unit])
    client.create_data_units([unit])
    assert len(devserver.units(collection)) == 2


def test_a_unit_with_an_unknown_checksum_is_refused_in_words(client, devserver, collection):
    from synapse_sdk.exceptions import ClientError

    unit = {"data_collection": collection, "files": {"image_1": {"checksum": "f" * 40, "path": "a.png"}}}
    with pytest.raises(ClientError) as refused:
        client.create_data_units([unit])
    assert refused.value.status_code == 400
    assert "f" * 40 in str(refused.value.detail)
    assert devserver.units(collection) == []


def test_tasks_are_made_and_shown(client, devserver, collection, picture):
    project = devserver.create_project("labels", collection)
    checksum = client.create_data_file(picture)["checksum"]
    unit = {"data_collection": collection, "files": {"image_1": {"checksum": checksum, "path": "a.png"}}}
    made = client.create_data_units([unit])
    assert client.get_project(project)["data_collection"] == collection
    client.create_tasks({"project": project, "data": [{"data_unit": made[0]["id"]}]})
    (task,) = devserver.tasks(project)
    assert client.get_task(task["id"])["data_unit"] == made[0]["id"]


def test_upload_data_collection_sends_files_and_units(client, devserver, collection, tmp_path):
    data = []
    for number in range(4):
        image, label = tmp_path / f"{number}.png", tmp_path / f"{number}.json"
        image.write_bytes(b"\x89PNG\r\n\x1a\n%d" % number)
        label.write_text(json.dumps({"number": number}))
        data.append({"files": {"image_1": str(image), "label_1": str(label)}, "meta": {"number": number}})
    client.upload_data_collection(collection, data)
    units = devserver.units(collection)
    assert sorted(unit["meta"]["number"] for unit in units) == [0, 1, 2, 3]
    assert all(unit["files"].keys() == {"image_1", "label_1"} for unit in units)


def test_upload_data_collection_makes_tasks_where_the_backend_answers_with_results(tmp_path, picture):
    """With a project the SDK needs the {"results"} shape: it breaks on the list that its upload action needs."""
    from synapse_sdk.clients.backend import BackendClient

    from synapse_sync.devserver import DevServer, Options

    with (
        DevServer(Options(data=tmp_path / "server", v1_reply="results")) as server,
        BackendClient(server.url, access_token=server.options.token) as client,
    ):
        collection = server.create_collection("scans", specs=SPECS)
        project = server.create_project("labels", collection)
        client.upload_data_collection(collection, [{"files": {"image_1": str(picture)}}], project_id=project)
        assert [task["data_unit"] for task in server.tasks(project)] == [server.units(collection)[0]["id"]]


@pytest.mark.parametrize(("token", "status"), [("syn_wrong", 401), (None, 401)])
def test_a_wrong_token_and_no_token_are_refused(devserver, token, status):
    from synapse_sdk.clients.backend import BackendClient
    from synapse_sdk.exceptions import ClientError

    with BackendClient(devserver.url, access_token=token) as client, pytest.raises(ClientError) as refused:
        client.list_data_collections()
    assert refused.value.status_code == status
