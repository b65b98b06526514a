"""The embedded backend's v1 files, units and tasks, in the ways that the real one may answer (protocol §2, §5, §6)."""

import tracemalloc

import pytest

SPECS = [
    {"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True},
    {"name": "volume_1", "file_type": "medical", "is_required": False},
]


@pytest.fixture
def collection(devserver):
    return devserver.create_collection("scans", specs=SPECS)


def unit(collection, checksum, path="a.png", **more):
    return {"data_collection": collection, "files": {"image_1": {"checksum": checksum, "path": path}}, **more}


def test_an_empty_file_and_no_file_are_refused(api):
    assert api.call("POST", "data_files/", files={"file": ("a.png", b"")}).json()["file"]
    assert api.call("POST", "data_files/", files={"other": ("a.png", b"x")}).json()["file"]
    assert api.call("POST", "data_files/", data=b"no form").status_code == 400


def test_the_same_bytes_are_one_data_file(api, devserver):
    before = devserver.stats()["data_files"]
    assert api.send_file(b"twice", "a.png") == api.send_file(b"twice", "b.png")
    assert devserver.stats()["data_files"] == before + 1


@pytest.mark.parametrize("name", ["스캔 1.png", 'say "hi".png', "a%41.png", "x" * 300 + ".png"])
def test_any_file_name_is_kept_and_leads_back_to_the_bytes(api, name):
    answer = api.call("POST", "data_files/", files={"file": (name, name.encode())}).json()
    assert api.get(answer["file"], timeout=5).content == name.encode()


def test_verify_takes_a_thousand_checksums_and_no_more(api):
    path = "data_files/verify_checksums/"
    assert api.call("POST", path, {"checksums": ["0" * 32] * 1000}).json() == {"existing_checksums": []}
    assert api.call("POST", path, {"checksums": ["0" * 32] * 1001}).status_code == 400
    assert api.call("POST", path, {"checksums": "0" * 32}).status_code == 400


def test_memory_does_not_grow_with_the_size_of_a_file(api):
    pieces = 24 * 16
    piece = bytes(1 << 16)

    def body():
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
        for _ in range(pieces):
            yield piece
        yield b"\r\n--B--\r\n"

    tracemalloc.start()
    try:
        headers = {"Content-Type": "multipart/form-data; boundary=B"}
        answer = api.call("POST", "data_files/", data=body(), headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.json()["size"] == pieces * len(piece) == 24 * 2**20
    assert peak < 6 * 2**20


def test_one_unit_gets_one_object_and_a_list_gets_a_list(api, collection):
    checksum = api.send_file(b"shapes")
    assert isinstance(api.call("POST", "data_units/", unit(collection, checksum)).json(), dict)
    assert isinstance(api.call("POST", "data_units/", [unit(collection, checksum)]).json(), list)


def test_the_reply_can_be_results(start):
    server, api = start(v1_reply="results")
    made = api.call("POST", "data_units/", [unit(server.create_collection("c", specs=SPECS), api.send_file(b"x"))])
    assert [result["id"] for result in made.json()["results"]] == [1]


@pytest.mark.parametrize(("repeat", "count"), [("duplicate", 2), ("reuse", 1)])
def test_a_repeat_makes_a_duplicate_or_not(start, repeat, count):
    server, api = start(v1_repeat=repeat)
    body = unit(server.create_collection("c", specs=SPECS), api.send_file(b"x"))
    ids = {api.call("POST", "data_units/", [body]).json()[0]["id"] for _ in range(2)}
    assert len(ids) == server.stats()["units"] == count


@pytest.mark.parametrize(("unknown", "status", "made"), [("reject", 400, 0), ("drop", 201, 1)])
def test_a_unit_with_an_unknown_checksum_refuses_all_or_is_left_out_silently(start, unknown, status, made):
    server, api = start(v1_unknown=unknown)
    collection = server.create_collection("c", specs=SPECS)
    body = [unit(collection, api.send_file(b"x")), unit(collection, "f" * 40)]
    answer = api.call("POST", "data_units/", body)
    assert answer.status_code == status
    assert server.stats()["units"] == made


@pytest.mark.parametrize(
    "change",
    [
        {"files": {}},
        {"files": {"nothing_1": {"checksum": "x"}}},
        {"groups": "abc"},
        {"groups": [""]},
        {"sync_key": "x"},
        {"data_collection": None},
        {"data_collection": 999999},
    ],
)
def test_a_bad_unit_makes_nothing(api, devserver, collection, change):
    good = unit(collection, api.send_file(b"x"))
    assert api.call("POST", "data_units/", [good, {**good, **change}]).status_code in (400, 404)
    assert devserver.units(collection) == []


@pytest.mark.parametrize(
    ("spec", "path", "status"),
    [("image_1", "scan.PNG", 201), ("image_1", "scan.jpg", 400), ("volume_1", "scan.anything", 201)],
)
def test_a_file_must_be_of_its_specs_type_where_that_has_extensions(api, devserver, spec, path, status):
    collection = devserver.create_collection("c", specs=[{**s, "is_required": False} for s in SPECS])
    files = {spec: {"checksum": api.send_file(b"x"), "path": path}}
    answer = api.call("POST", "data_units/", [{"data_collection": collection, "files": files}])
    assert answer.status_code == status


@pytest.mark.parametrize("where", ["path", "meta"])
@pytest.mark.parametrize(("text", "status"), [("\\ud83d\\ude00", 201), ("\\ud83d", 400)])
def test_half_a_surrogate_pair_is_refused(api, devserver, collection, where, text, status):
    texts = {"path": "a", "meta": "a", where: text}
    files = f'{{"image_1": {{"checksum": "{api.send_file(b"x")}", "path": "{texts["path"]}.png"}}}}'
    body = f'[{{"data_collection": {collection}, "files": {files}, "meta": {{"a": "{texts["meta"]}"}}}}]'
    answer = api.call("POST", "data_units/", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert len(devserver.units(collection)) == (status == 201)


def test_a_number_that_no_database_takes_is_refused(api):
    assert api.call("GET", f"data_units/{10**30}/").status_code == 400


def test_meta_is_checked_by_the_collections_schema_on_both_apis(api, devserver):
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    collection = devserver.create_collection("c", specs=SPECS, meta_schema=schema)
    checksum = api.send_file(b"x")
    for meta, status in [({"age": "45"}, 400), (None, 400), ({"age": 45}, 201)]:
        body = unit(collection, checksum, meta=meta)
        assert api.call("POST", "data_units/", [body]).status_code == status
        bulk = {"data_collection": collection, "units": [{"files": body["files"], "meta": meta}]}
        assert api.call("POST", "v2/data-units/bulk-create/", bulk).status_code == status
    shown = api.call("GET", f"data_collections/{collection}/").json()
    assert shown["meta"] == {"data_unit_meta_schema": schema}


def test_both_apis_know_the_same_units(api, devserver, collection):
    """A unit made on v1 is reused by v2, so that v2 can be asked what became of a lost v1 answer."""
    body = unit(collection, api.send_file(b"shared"), meta={"a": 1})
    made = api.call("POST", "data_units/", [body]).json()[0]["id"]
    bulk = {"data_collection": collection, "units": [{"files": body["files"], "meta": {"b": 2}}] * 2}
    results = api.call("POST", "v2/data-units/bulk-create/", bulk).json()["data"]["results"]
    assert [(r["data_unit_id"], r["created"]) for r in results] == [(made, False)] * 2
    assert devserver.units(collection)[0]["meta"] == {"a": 1}


def test_the_order_of_a_units_files_does_not_make_another_unit(api, devserver, collection):
    image, volume = {"checksum": api.send_file(b"i"), "path": "a.png"}, {"checksum": api.send_file(b"v")}
    orders = [{"image_1": image, "volume_1": volume}, {"volume_1": volume, "image_1": image}]
    bulk = {"data_collection": collection, "units": [{"files": files} for files in orders]}
    counts = api.call("POST", "v2/data-units/bulk-create/", bulk).json()["data"]
    assert (counts["created_count"], counts["reused_count"]) == (1, 1)


def test_v1_pages_end_with_404_and_link_to_this_host(api, devserver, collection):
    api.call("POST", "data_units/", [unit(collection, api.send_file(b"x"))] * 5)
    path = f"data_units/?data_collection={collection}&page_size=2"
    first = api.call("GET", path).json()
    assert first["next"].startswith(devserver.url)
    seen, page = list(first["results"]), first
    while page["next"]:
        page = api.get(page["next"], timeout=5).json()
        seen += page["results"]
    assert [u["id"] for u in seen] == [u["id"] for u in reversed(devserver.units(collection))]
    assert api.call("GET", f"{path}&page=4").status_code == 404
    oldest = api.call("GET", f"{path}&ordering=id").json()["results"][0]["id"]
    assert oldest == devserver.units(collection)[0]["id"]


def test_v2_cursors_lead_back_as_well(api, collection):
    api.call("POST", "data_units/", [unit(collection, api.send_file(b"x"))] * 5)
    path = f"v2/data-units/?data_collection={collection}&per_page=2"

    def page(cursor):
        answer = api.call("GET", path + (f"&cursor={cursor}" if cursor else "")).json()
        return [u["id"] for u in answer["data"]], answer["meta"]["pagination"]

    first, links = page(None)
    second, links = page(links["next_cursor"])
    assert page(links["previous_cursor"])[0] == first
    assert page(links["next_cursor"])[1]["next_cursor"] is None
    assert not set(first) & set(second)


def test_v1_tasks_are_made_again_when_asked_again(api, devserver, collection):
    project = devserver.create_project("labels", collection)
    made = api.call("POST", "data_units/", unit(collection, api.send_file(b"x"))).json()["id"]
    body = {"project": project, "data": [{"data_unit": made}]}
    for _ in range(2):
        assert api.call("POST", "tasks/", body).status_code == 201
    assert [task["data_unit"] for task in devserver.tasks(project)] == [made, made]
    assert api.call("GET", f"sdk/tasks/?project={project}").json()["count"] == 2


def test_a_collections_units_can_all_get_tasks_at_once(api, devserver, collection):
    project = devserver.create_project("labels", collection)
    api.call("POST", "data_units/", [unit(collection, api.send_file(b"x"))] * 3)
    path = f"data_units/create_tasks/?data_collection={collection}"
    counts = [api.call("POST", path, {"project": project}).json() for _ in range(2)]
    assert counts == [{"created_count": 3, "skipped_count": 0}, {"created_count": 0, "skipped_count": 3}]
    assert api.call("POST", "data_units/create_tasks/?data_collection=999999", {"project": project}).status_code == 400


def test_tasks_for_units_of_another_collection_are_refused_on_both_apis(api, devserver, collection):
    project = devserver.create_project("labels", devserver.create_collection("other", specs=SPECS))
    made = api.call("POST", "data_units/", unit(collection, api.send_file(b"x"))).json()["id"]
    assert api.call("POST", "tasks/", {"project": project, "data": [{"data_unit": made}]}).status_code == 400
    bulk = {"project": project, "data_unit_ids": [made]}
    assert api.call("POST", "v2/tasks/bulk-create/", bulk).status_code == 400
    assert api.call("POST", "tasks/", [{"project": project, "data_unit": made}]).status_code == 400
    assert devserver.tasks(project) == []
