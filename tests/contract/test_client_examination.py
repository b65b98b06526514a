"""What a person is told of a server: who one is there, its collections, projects, storage, and how files go up."""

import pytest

from synapse_sync.destinations.base import Upload
from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.errors import Busy, CollectionUnusable, TokenRefused
from tests.contract.client import SPECS, TOKEN, connected
from tests.contract.scripted import answer, scripted


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_all_collections_are_listed_page_by_page(start, api):
    server, _ = start(page_limit=3)
    made = {server.create_collection(f"number {count}", SPECS): f"number {count}" for count in range(8)}

    with connected(server.url, api=api) as destination:
        assert dict(destination.examination().collections()) == made


def test_the_account_by_whatever_name_the_server_gives_it():
    for told, name in [({"email": "a@b.example"}, "a@b.example"), ({"username": "a"}, "a"), ({}, ""), ([], "")]:
        with scripted(answer(told)) as server, connected(server.url) as destination:
            assert destination.examination().account() == name


def test_a_server_that_tells_no_user_may_take_the_token_all_the_same():
    listed = answer({"count": 0, "next": None, "previous": None, "results": []})
    with scripted(answer({"detail": "No."}, "404 Not Found"), listed) as server, connected(server.url) as destination:
        assert destination.examination().account() == ""


def test_a_refused_token_is_told(devserver):
    with connected(devserver.url, "syn_wrong") as destination, pytest.raises(TokenRefused, match="401"):
        destination.examination().account()


def test_a_project_says_which_collection_it_is_for(devserver):
    collection = devserver.create_collection("scans", SPECS)
    number = devserver.create_project("labelling", collection)

    with connected(devserver.url) as destination:
        project = destination.examination().project(number)
        with pytest.raises(CollectionUnusable, match="404"):
            destination.examination().project(number + 1)

    assert (project.name, project.collection) == ("labelling", collection)
    assert project.misfit(collection) == ""
    assert str(collection) in project.misfit(collection + 1)


def test_a_project_that_does_not_say_so_fits():
    with scripted(answer({"id": 1, "title": "labelling"})) as server, connected(server.url) as destination:
        assert destination.examination().project(1).misfit(5) == ""


def test_the_clock_is_known_after_an_answer_only(devserver):
    with connected(devserver.url) as destination:
        examination = destination.examination()
        assert examination.skew is None
        examination.account()
        assert abs(examination.skew) < 60


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ([{"provider": "minio"}, {"provider": "azure", "is_default": True}], "azure"),
        ({"count": 1, "next": None, "previous": None, "results": [{"provider": "gcp"}]}, "gcp"),
        ([], ""), ({}, ""), ("<html>", None),
    ],
)  # fmt: skip
def test_the_kind_of_storage_where_it_is_told(told, kind):
    with scripted(answer(told)) as server, connected(server.url) as destination:
        if kind is None:
            with pytest.raises(Busy):
                destination.examination().storage()
        else:
            assert destination.examination().storage() == kind


def test_a_storage_that_only_administrators_see_is_not_told():
    with (
        scripted(answer({"detail": "No."}, "403 Forbidden")) as server,
        connected(server.url) as destination,
    ):
        assert destination.examination().storage() == ""


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize(("provider", "route"), [("amazon_s3", "presigned"), ("azure", "direct")])
def test_how_files_would_go_up_is_found_out_and_nothing_is_sent(start, api, provider, route):
    server, _ = start(provider=provider)
    collection = server.create_collection("scans", SPECS)
    destination = SynapseDestination(server.url, TOKEN, api=api)

    upload = destination.examination().upload(collection)
    destination.close()

    host = server.storage_url.removeprefix("http://")
    assert upload == Upload(route, host if route == "presigned" else "")
    stats = server.stats()
    assert (stats["data_files"], stats["units"]) == (0, 0)
    assert not any("object" in asked for asked in stats["requests"]), "no PUT went to the storage"


def test_the_route_of_the_config_is_the_one(devserver):
    collection = devserver.create_collection("scans", SPECS)
    for route in ("direct", "chunked"):
        with connected(devserver.url, route=route) as destination:
            assert destination.examination().upload(collection) == Upload(route)
