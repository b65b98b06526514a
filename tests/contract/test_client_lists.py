"""Our client reading lists: every shape of pages, only what can be followed, and never a part taken for the whole."""

import time
from datetime import UTC, datetime
from itertools import chain

import pytest

from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.errors import Busy, DestinationError
from synapse_sync.records import Learned, ListedUnit
from tests.contract.client import APIS, SPECS, TOKEN, classic, connected, digests, send, unit
from tests.contract.scripted import answer, scripted


def fill(server, destination, count, collection=None):
    """A collection with this many units, in as few requests as there may be; its number and their ids."""
    collection = collection or server.create_collection("scans", SPECS)
    checksum = send(destination, b"x").checksum
    ids = []
    for start in range(0, count, 500):
        units = [unit(number, checksum) for number in range(start, min(start + 500, count))]
        ids += [outcome.server_id for outcome in destination.register(collection, units, "v1")]
    return collection, ids


def listed(destination, collection, api="v1", since=None):
    return [found for page in destination.units(collection, api, since) for found in page]


def ids_of(units):
    return sorted(found.id for found in units)


@APIS
@pytest.mark.parametrize(
    "options", [{}, {"envelope": False}, {"page_limit": 10}, {"v1_order": "oldest"}, {"v1_created": False}]
)
def test_all_units_of_a_collection_are_listed_however_many_a_page_holds(start, api, options):
    server, _ = start(**options)
    with connected(server.url) as destination:
        collection, ids = fill(server, destination, 1050 if not options else 35)
        assert ids_of(listed(destination, collection, api)) == ids


@pytest.mark.parametrize(
    ("listing", "files", "key", "sync_key"),
    [
        ("full", True, "", "key-0"),
        ("files", True, None, None),
        ("meta", False, "", "key-0"),
        ("bare", False, None, None),
    ],
)
def test_a_v1_unit_is_listed_with_as_much_as_the_server_shows(start, listing, files, key, sync_key):
    server, _ = start(v1_listing=listing)
    with connected(server.url) as destination:
        collection, (number,) = fill(server, destination, 1)
        (found,) = listed(destination, collection)
    assert found == ListedUnit(number, found.created, {"image_1": digests(b"x").md5} if files else None, key, sync_key)
    assert abs(found.created - time.time()) < 60


def test_where_filters_are_not_heeded_units_of_other_collections_are_left_out(start):
    server, _ = start(v1_filters=False, page_limit=10)
    with connected(server.url) as destination:
        first, ids = fill(server, destination, 15)
        fill(server, destination, 15)
        assert ids_of(listed(destination, first)) == ids


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("created", [True, False])
def test_with_since_no_unit_made_after_it_is_missed(start, order, created):
    """Only a list that runs from new to old is left early; units of one request may have one time."""
    server, _ = start(v1_order=order, v1_created=created, v1_filters=False, page_limit=5)
    with connected(server.url) as destination:
        collection, old = fill(server, destination, 20)
        with server._backend.store.transaction() as db:
            db.execute("UPDATE units SET created = '2001-01-01T00:00:0' || (id > 10) || 'Z'")
        _, new = fill(server, destination, 7, collection)
        found = ids_of(listed(destination, collection, since=time.time() - 600))
        assert set(found) >= set(new)
        assert (len(found) < 27) == (order == "newest" and created)
        assert ids_of(listed(destination, collection)) == old + new


@pytest.mark.parametrize("ask", ["v1", "v2", "tasks"])
def test_tasks_and_units_are_found_though_their_pages_are_said_to_be_elsewhere(start, ask):
    """A link may name another host, behind a proxy; the token goes to ours alone."""
    server, _ = start(page_limit=10, envelope=False)
    with connected(server.url) as destination:
        collection, ids = fill(server, destination, 25)
        project = server.create_project("annotate", collection)
        destination.create_tasks(project, collection, ids[:20], "v1")
        for route in ("GET data_units/", "GET v2/data-units/", "GET sdk/tasks/"):
            server.fault(route, "wrong_host", times=None)
        if ask == "tasks":
            assert sorted(chain(*destination.with_task(project))) == ids[:20]
        else:
            assert ids_of(listed(destination, collection, ask)) == ids


def row(number, **more):
    return {"id": number, "data_collection": 5, "files": {}, "meta": None, **more}


def page(*numbers, following=None, count=None):
    return answer({"count": count, "next": following, "previous": None, "results": [row(n) for n in numbers]})


def enveloped(*numbers, cursor=None):
    return answer({"data": [row(n) for n in numbers], "meta": {"pagination": {"next_cursor": cursor}}})


ELSEWHERE = "https://elsewhere.invalid/v2/data-units/?cursor=b%3D"


@pytest.mark.parametrize(
    ("api", "first", "second", "asked"),
    [
        (
            "v1",
            page(1, following="https://elsewhere.invalid/x/?page=2&page_size=1", count=2),
            page(2, count=2),
            "page=2",
        ),
        ("v1", page(1, following="/data_units/?page=2"), page(2), "page=2"),
        ("v1", page(1, following="?page=2"), answer([row(2)]), "page=2"),
        ("v2", enveloped(1, cursor="cD0y+/="), enveloped(2), "cursor=cD0y%2B%2F%3D"),
        ("v2", enveloped(1, cursor="/D0y"), enveloped(2), "cursor=%2FD0y"),
        ("v2", enveloped(1, cursor=ELSEWHERE), enveloped(2), "cursor=b%3D"),
        ("v2", page(1, following=ELSEWHERE), page(2), "cursor=b%3D"),
    ],
)
def test_a_next_page_is_asked_of_our_server_with_the_query_it_is_said_to_have(api, first, second, asked):
    with scripted(first, second) as server, connected(server.url) as destination:
        assert ids_of(listed(destination, 5, api)) == [1, 2]
    target = server.requests[1][0].split(" ")[1]
    assert asked in target.partition("?")[2].split("&")
    assert "data_collection=5" in target, "the filters go with it"
    assert target.startswith("/v2/data-units/?" if api == "v2" else "/data_units/?")


@pytest.mark.parametrize(
    "answers",
    [
        [page(1, following="https://elsewhere.invalid/page/2/")],
        [page(1, following="https://[::1/?page=2")],
        [page(1, following=2)],
        [enveloped(1, cursor={"page": 2})],
        [answer({"results": "none"})],
        [answer({"detail": "odd"})],
        [answer("<p>list</p>")],
        [page(1, following="?page=2"), page(1, following="?page=2"), page(1, following="?page=2")],
        [page(1, 2, following="?page=2", count=4), page(3, count=3)],
        [page(1, 2, following="?page=2", count=4), page(2, 3, count=4)],
        [page(1, 2, following="?page=2", count=3), answer({"detail": "Invalid page."}, "404 Not Found")],
    ],
    ids=[
        "a link without a query", "a link that is none", "a number", "an object", "results that are none",
        "another answer", "a page of HTML", "the same page for ever", "a list that shrank", "a list with a gap",
        "a page that is gone",
    ],
)  # fmt: skip
def test_what_may_be_a_part_is_not_taken_for_the_whole(answers):
    with scripted(*answers) as server, connected(server.url) as destination, pytest.raises(Busy) as later:
        listed(destination, 5)
    assert later.value.retry == "later"


def test_a_list_that_shrinks_while_it_is_read_is_read_again(start):
    """Of ten units seven are seen: one moved to a page that had been read, and must not be taken for missing."""
    server, _ = start(page_limit=5)
    with connected(server.url) as destination:
        collection, ids = fill(server, destination, 10)
        pages = destination.units(collection, "v1", None)
        next(pages)
        with server._backend.store.transaction() as db:
            db.execute("DELETE FROM unit_files WHERE unit IN (?, ?)", ids[-2:])
            db.execute("DELETE FROM units WHERE id IN (?, ?)", ids[-2:])
        with pytest.raises(Busy, match="changed while it was read"):
            list(pages)
        assert ids_of(listed(destination, collection)) == ids[:-2]


@pytest.mark.parametrize(
    ("shown", "ours"), [(5, True), ("5", True), ({"id": 5}, True), (None, True), (6, False), ({"id": 6}, False)]
)
def test_a_unit_belongs_to_its_collection_however_that_is_named(shown, ours):
    with scripted(answer([row(1, data_collection=shown)])) as server, connected(server.url) as destination:
        assert bool(listed(destination, 5)) == ours


@pytest.mark.parametrize("task", [{"data_unit": 3}, {"data_unit": {"id": 3}}, {"data_unit_id": 3, "project_id": 7}])
def test_a_task_belongs_to_its_unit_however_that_is_named(task):
    rows = [{"id": 1, **task}, {"id": 2, "data_unit": 4, "project": 8}, {"id": 3, "data_unit": [4]}]
    with scripted(answer(rows)) as server, connected(server.url) as destination:
        assert list(chain(*destination.with_task(7))) == [3]


@pytest.mark.parametrize(
    ("meta", "keys"),
    [
        ({"sync_key": "k", "data_unit_key": "u"}, ("u", "k")),
        ({"sync_key": 7}, ("", "")),
        ({}, ("", "")),
        (None, ("", "")),
        ("text", ("", "")),
    ],
)
def test_meta_that_says_nothing_of_us_is_not_taken_for_hidden_meta(meta, keys):
    with scripted(answer([row(1, meta=meta)])) as server, connected(server.url) as destination:
        (found,) = listed(destination, 5)
    assert (found.key, found.sync_key) == keys


def test_files_are_known_only_where_each_shows_its_checksum():
    files = [{"a": {"checksum": "AB"}, "b": {"checksum": "cd"}}, {"a": {"checksum": "ab"}, "b": {"url": "u"}}, {}, None]
    rows = [row(number, files=shown) for number, shown in enumerate(files)]
    with scripted(answer(rows)) as server, connected(server.url) as destination:
        assert [found.files for found in listed(destination, 5)] == [{"a": "ab", "b": "cd"}, None, None, None]


@pytest.mark.parametrize("created", ["2026-01-02T03:04:05Z", "2026-01-02T12:04:05+09:00", "2026-01-02T03:04:05"])
def test_times_are_utc_unless_they_say_otherwise(created, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        with scripted(answer([row(1, created=created)])) as server, connected(server.url) as destination:
            (found,) = listed(destination, 5)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


# --- What a server is asked once


@pytest.mark.parametrize("usual", ["verify_checksums", "data-files"])
def test_where_one_lookup_is_gone_the_other_takes_its_place_and_is_remembered(start, usual):
    options = {"verify": False} if usual == "verify_checksums" else {}
    server, _ = start(**options)
    destination = classic(server.url)
    destination.recall(Learned(api="v1", presigned="no", lookup=usual))
    if usual == "data-files":
        server.fault("GET v2/data-files/", "status", times=None, code=404, body={"detail": "Not found."})
    send(destination, b"held")
    for _ in range(2):
        assert list(destination.present([digests(b"held"), digests(b"other")])) == [digests(b"held")]
    other = {"verify_checksums": "data-files", "data-files": "verify_checksums"}[usual]
    assert destination.learned.lookup == other
    asked = server.stats()["requests"]
    gone = {"verify_checksums": "POST data_files/verify_checksums/", "data-files": "GET v2/data-files/"}[usual]
    assert asked[gone] == 1
    destination.close()


def test_a_server_without_any_lookup_is_told_by_its_address(start):
    server, _ = start(verify=False, v2=False)
    with connected(server.url) as destination, pytest.raises(Busy, match="no such address") as gone:
        destination.present([digests(b"x")])
    assert "server.url" in gone.value.hint


def test_a_server_that_takes_fewer_checksums_at_once_is_asked_more_often(start):
    server, _ = start(verify_limit=100)
    with connected(server.url) as destination:
        contents = [b"%d" % number for number in range(320)]
        for data in (contents[0], contents[160], contents[319]):
            send(destination, data)
        found = destination.present([digests(data) for data in contents])
    assert list(found) == [digests(contents[n]) for n in (0, 160, 319)]


API_ANSWERS = {
    "v2": (answer({"data": [], "meta": {}}), "v2"),
    "v1": (answer({"detail": "Not found."}, "404 Not Found"), "v1"),
    "v1 in v2's form": (answer({"error": {"code": "NOT_FOUND", "message": "x"}}, "404 Not Found"), "v1"),
    "a proxy's 404": (answer("<h1>Not Found</h1>", "404 Not Found"), None),
    "an empty 404": (answer("", "404 Not Found"), None),
    "a refused token": (answer({"detail": "no"}, "401 Unauthorized"), None),
    "a forbidden one": (answer({"detail": "no"}, "403 Forbidden"), None),
    "trouble": (answer({"detail": "no"}, "500 Internal Server Error"), None),
    "a redirect": (answer("", "302 Found", "Location: /login"), None),
    "a page": (answer("<p>Welcome</p>"), None),
    "half an answer": (answer({"data": []})[:60], None),
}


@pytest.mark.parametrize(("answered", "api"), API_ANSWERS.values(), ids=API_ANSWERS)
def test_only_the_servers_own_word_says_which_api_it_speaks(answered, api):
    with scripted(answered) as server:
        destination = SynapseDestination(server.url, TOKEN)
        if api:
            destination.learn()
        else:
            with pytest.raises(DestinationError, match="ask whether the server speaks v2"):
                destination.learn()
        assert destination.api == (api or "")
        destination.close()


def test_what_was_learned_is_not_asked_again():
    with scripted() as server:
        destination = SynapseDestination(server.url, TOKEN)
        destination.recall(Learned(api="v1", presigned="no"))
        destination.learn()
        destination.close()
    assert server.requests == []
