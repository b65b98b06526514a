"""Our client against the embedded backend: every route but the uploads, on v1 and v2, done or refused."""

from dataclasses import replace

import pytest

from synapse_sync.destinations.base import Destination
from synapse_sync.errors import CollectionUnusable, ConfigError, CredentialsError, Rejected, TokenRefused
from synapse_sync.records import ContentRef, Spec
from tests.contract.client import APIS, SPECS, classic, digests, send, unit

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}


@pytest.fixture
def connect(devserver):
    """Destinations of this server, closed at the end."""
    made = []

    def destination(token="syn_dev", tenant="", **options) -> Destination:
        made.append(classic(devserver.url, token, tenant, **options))
        return made[-1]

    yield destination
    for each in made:
        each.close()


def test_check_passes_with_the_right_token_and_names_what_was_refused_with_a_wrong_one(connect):
    connect().check()
    with pytest.raises(TokenRefused, match="401") as refused:
        connect("syn_wrong_token").check()
    assert refused.value.scope == "destination"


@APIS
def test_a_wrong_token_is_refused_by_every_call_and_appears_in_no_message(connect, devserver, api):
    secret = "syn_tr0ub4dor"
    destination = connect(secret, api=api)
    collection = devserver.create_collection("scans", SPECS)
    calls = [
        lambda: destination.open(collection),
        lambda: destination.present([digests(b"x")]),
        lambda: send(destination, b"x"),
        lambda: destination.register(collection, [unit(1, "0" * 32)], destination.api),
        lambda: destination.create_tasks(1, collection, [1], destination.api),
    ]
    for call in calls:
        with pytest.raises(TokenRefused) as refused:
            call()
        assert secret not in str(refused.value) + repr(refused.value) + str(refused.value.__cause__)
    assert secret not in repr(destination) + repr(vars(destination))


@pytest.mark.parametrize("token", ["", "syn_a b", "syn_x\n", "syn_\x00", "syn_é"])
def test_a_token_that_no_header_can_carry_is_refused_without_repeating_it(connect, token):
    with pytest.raises(CredentialsError) as refused:
        connect(token)
    assert "syn_" not in str(refused.value)


def test_a_tenant_that_no_header_can_carry_is_a_config_error(connect):
    with pytest.raises(ConfigError, match="tenant"):
        connect(tenant="a\nb")


@APIS
def test_token_and_tenant_go_out_as_each_api_wants_them(start, api):
    strict, _ = start(tenant="acme")
    collection = strict.create_collection("scans", SPECS)
    good, bad = (classic(strict.url, "syn_dev", tenant, api=api) for tenant in ("acme", "other"))
    assert good.open(collection).id == collection
    with pytest.raises((TokenRefused, CollectionUnusable)):
        bad.open(collection)
    good.close()
    bad.close()


@APIS
def test_open_gives_specs_and_meta_schema(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS, SCHEMA)
    opened = connect(api=api).open(collection)
    assert (opened.id, opened.name, opened.meta_schema) == (collection, "scans", SCHEMA)
    image, note = opened.specs
    assert (image.name, image.file_type, image.required) == ("image_1", "image", True)
    assert (note.name, note.file_type, note.required) == ("note_1", "text", False)
    assert ".png" in image.extensions
    assert ".png" not in note.extensions


def test_v1_specs_carry_their_own_extensions(connect, devserver):
    opened = connect(api="v1").open(devserver.create_collection("scans", SPECS))
    assert opened.specs[0] == Spec("image_1", "image", (".png", ".jpg"), required=True)
    assert opened.meta_schema is None


@APIS
def test_a_collection_that_is_not_there_is_unusable_and_named(connect, api):
    with pytest.raises(CollectionUnusable, match=r"data collection 4711.*check data_collection") as refused:
        connect(api=api).open(4711)
    assert (refused.value.scope, refused.value.status) == ("collection", 404)


def test_present_says_under_which_checksum_the_server_has_what_it_has(connect):
    destination = connect()
    reference = send(destination, b"held")
    held, other = digests(b"held"), digests(b"other")
    assert destination.present([other, held, held]) == {held: ContentRef(reference.checksum)}
    assert destination.present([]) == {}


@pytest.mark.parametrize("stored", ["md5", "sha1"])
def test_present_finds_a_content_under_either_digest(start, stored):
    running, _ = start(checksum=stored)
    destination = classic(running.url, "syn_dev")
    reference = send(destination, b"held")
    assert reference.checksum == getattr(digests(b"held"), stored)
    assert destination.present([digests(b"held")])[digests(b"held")].checksum == reference.checksum
    destination.close()


def test_present_asks_for_any_number_with_at_most_a_thousand_digests_per_request(connect, devserver):
    destination = connect()
    contents = [digests(b"%d" % number) for number in range(1201)]
    send(destination, b"1200")
    assert list(destination.present(contents)) == [contents[1200]]
    assert devserver.stats()["requests"]["POST data_files/verify_checksums/"] == 3


@APIS
def test_registered_units_have_their_files_meta_and_groups(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS)
    destination = connect(api=api)
    checksums = [send(destination, b"%d" % number).checksum for number in range(3)]
    units = [unit(number, checksum, age=number) for number, checksum in enumerate(checksums)]
    units[2] = replace(units[2], groups=("site-a", "day-2"))
    outcomes = destination.register(collection, units, destination.api)
    made = devserver.units(collection)
    assert [(outcome.kind, outcome.server_id) for outcome in outcomes] == [("created", each["id"]) for each in made]
    assert [each["files"]["image_1"]["checksum"] for each in made] == checksums
    assert [each["files"]["image_1"]["path"] for each in made] == ["dir/0.png", "dir/1.png", "dir/2.png"]
    assert [each["meta"] for each in made] == [{"age": number, "sync_key": f"key-{number}"} for number in range(3)]
    assert made[2]["groups"] == ["site-a", "day-2"]


def test_v2_says_that_a_unit_was_there_before(connect, devserver):
    collection = devserver.create_collection("scans", SPECS)
    destination = connect(api="v2")
    one = unit(1, send(destination, b"x").checksum)
    first, second = (
        destination.register(collection, [one], destination.api)[0],
        destination.register(collection, [one], destination.api)[0],
    )
    assert (first.kind, second.kind) == ("created", "reused")
    assert first.server_id == second.server_id


@pytest.mark.parametrize("shape", ["list", "results"])
def test_both_shapes_of_the_v1_reply_are_read(start, shape):
    running, _ = start(v1_reply=shape)
    collection = running.create_collection("scans", SPECS)
    destination = classic(running.url, "syn_dev")
    outcome = destination.register(collection, [unit(1, send(destination, b"x").checksum)], destination.api)[0]
    assert (outcome.kind, outcome.server_id) == ("created", running.units(collection)[0]["id"])
    destination.close()


@APIS
def test_a_batch_with_one_bad_unit_is_refused_whole_and_can_be_bisected(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS)
    destination = connect(api=api)
    good = [unit(number, send(destination, b"%d" % number).checksum) for number in range(3)]
    bad = unit(9, "f" * 32)
    with pytest.raises(Rejected, match=r"register 4 units in data collection \d+"):
        destination.register(collection, [*good, bad], destination.api)
    assert devserver.units(collection) == []
    assert {outcome.kind for outcome in destination.register(collection, good, destination.api)} == {"created"}
    (outcome,) = destination.register(collection, [bad], destination.api)
    assert (outcome.kind, outcome.server_id, outcome.lacking) == ("rejected", None, ("f" * 32,))
    assert "unit-9" in outcome.reason


@APIS
def test_a_refusal_of_one_unit_for_its_meta_gives_the_servers_words_and_lacks_nothing(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS, SCHEMA)
    destination = connect(api=api)
    (outcome,) = destination.register(
        collection, [unit(1, send(destination, b"x").checksum, age="old")], destination.api
    )
    assert outcome.kind == "rejected"
    assert "old" in outcome.reason or "integer" in outcome.reason
    assert outcome.lacking == ()


@APIS
def test_a_unit_whose_key_is_its_checksum_lacks_nothing_when_refused_for_another_reason(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS, SCHEMA)
    destination = connect(api=api)
    checksum = send(destination, b"x").checksum
    (outcome,) = destination.register(
        collection, [replace(unit(1, checksum, age="old"), key=checksum)], destination.api
    )
    assert checksum in outcome.reason
    assert outcome.lacking == ()


@APIS
def test_meta_that_json_cannot_hold_is_refused_before_anything_is_sent(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS)
    destination = connect(api=api)
    for value in (float("nan"), "\ud800"):
        (outcome,) = destination.register(collection, [unit(1, "0" * 32, age=value)], destination.api)
        assert outcome.kind == "rejected"
        assert "JSON" in outcome.reason
    assert not [route for route in devserver.stats()["requests"] if "units" in route]


def test_units_that_v1_leaves_out_silently_are_unknown_and_the_others_keep_their_ids(start):
    running, _ = start(v1_unknown="drop")
    collection = running.create_collection("scans", SPECS)
    destination = classic(running.url, "syn_dev")
    good = [unit(number, send(destination, b"%d" % number).checksum) for number in (0, 2)]
    outcomes = destination.register(collection, [good[0], unit(1, "f" * 32), good[1]], destination.api)
    ids = [each["id"] for each in running.units(collection)]
    expected = [("created", ids[0]), ("unmentioned", None), ("created", ids[1])]
    assert [(outcome.kind, outcome.server_id) for outcome in outcomes] == expected
    destination.close()


def test_a_v1_reply_in_another_order_is_matched_by_sync_key(connect, devserver):
    collection = devserver.create_collection("scans", SPECS)
    destination = connect()
    units = [unit(number, send(destination, b"%d" % number).checksum) for number in range(4)]
    devserver.fault("POST data_units/", "reorder_results")
    outcomes = destination.register(collection, units, destination.api)
    assert [outcome.server_id for outcome in outcomes] == [each["id"] for each in devserver.units(collection)]


@APIS
def test_tasks_are_created_one_per_unit(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS)
    project = devserver.create_project("annotate", collection)
    destination = connect(api=api)
    outcomes = destination.register(
        collection, [unit(n, send(destination, b"%d" % n).checksum) for n in range(3)], destination.api
    )
    ids = [outcome.server_id for outcome in outcomes]
    destination.create_tasks(project, collection, ids, destination.api)
    assert [task["data_unit"] for task in devserver.tasks(project)] == ids


@APIS
def test_tasks_for_units_that_are_not_there_are_refused_whole(connect, devserver, api):
    collection = devserver.create_collection("scans", SPECS)
    project = devserver.create_project("annotate", collection)
    with pytest.raises(Rejected, match=f"create 1 tasks in project {project}"):
        connect(api=api).create_tasks(project, collection, [4711], api)
    assert devserver.tasks(project) == []
