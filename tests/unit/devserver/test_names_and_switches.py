"""The pure parts of the embedded backend: names of routes, fault switches, shown sizes, composition of units."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.devserver import Options, applies, route_keys, switches
from synapse_sync.devserver.faults import PARAMETERS, FaultPlan, routes_of
from synapse_sync.devserver.filetypes import EXTENSIONS, allowed, v2_type
from synapse_sync.devserver.pages import size_words
from synapse_sync.devserver.traffic import route_key
from synapse_sync.devserver.units import Wanted
from synapse_sync.errors import UsageError


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("POST", "/data_files/", "POST data_files/"),
        ("GET", "/data_units/17/", "GET data_units/{id}/"),
        ("PUT", "/chunked_upload/5cd63d82-d494-47b5-8043-f48ff74f474c/", "PUT chunked_upload/{id}/"),
        ("GET", "/v2/data-collections/3/groups/4/", "GET v2/data-collections/{id}/groups/{id}/"),
        ("POST", "/v2/data-units/bulk-create/", "POST v2/data-units/bulk-create/"),
        ("GET", "/media/5d41402abc4b2a76b9719d911017c592/a.png", "GET media/"),
        ("GET", "/", "GET "),
    ],
)
def test_a_route_is_named_without_its_ids(method, path, key):
    assert route_key(method, path) == key


def test_all_routes_are_known_by_the_names_that_requests_count_under():
    keys = route_keys()
    assert {
        "POST data_files/",
        "PUT chunked_upload/{id}/",
        "GET media/",
        "GET ",
        "PUT object/",
        "PUT object/part/",
    } <= {*keys}
    assert "POST v2/data-collections/{id}/finalize-upload/" in keys
    assert len(set(keys)) == len(keys)
    assert not any("_dev" in key or "int" in key for key in keys)


@pytest.mark.parametrize("kind", PARAMETERS)
def test_a_kind_of_fault_applies_to_routes_that_there_are(kind):
    assert set(routes_of(kind)) <= set(route_keys())
    assert any(applies(kind, route) for route in route_keys())


@pytest.mark.parametrize(
    ("kind", "route", "does"),
    [
        ("expired_url", "PUT object/part/", True),
        ("expired_url", "POST data_files/", False),
        ("missing_etag", "PUT object/", True),
        ("missing_etag", "POST data_units/", False),
        ("partial", "POST data_units/", True),
        ("partial", "POST v2/data-units/bulk-create/", False),
        ("success_false", "POST v2/data-collections/{id}/finalize-upload/", True),
        ("corrupt", "PUT chunked_upload/{id}/", True),
        ("drop_after", "GET media/", True),
        ("hang", "PUT object/", True),
    ],
)
def test_a_fault_applies_where_such_an_answer_can_be_given(kind, route, does):
    assert applies(kind, route) is does


def test_switches_are_the_options_that_have_several_answers_with_the_default_first():
    found = switches()
    assert found["checksum"] == ("mixed", "md5", "sha1")
    assert (found["v2"], found["chunked_once"], found["verify_limit"]) == ((True, False), (False, True), (1000, 100))
    assert {name: values[0] for name, values in found.items()} == {
        name: getattr(Options(data=Path()), name) for name in found
    }
    assert not {"data", "token", "port", "part_size", "page_size"} & found.keys()


def fired(plan, keys):
    return [fault.kind if (fault := plan.take(key)) else None for key in keys]


def test_switches_of_one_route_fire_one_after_the_other():
    plan = FaultPlan()
    plan.add("POST a/", "status", times=1)
    plan.add("POST a/", "html", times=2)
    assert fired(plan, ["POST a/"] * 4) == ["status", "html", "html", None]


def test_every_waiting_switch_counts_the_requests_that_pass():
    plan = FaultPlan()
    plan.add("POST a/", "status", after=1)
    plan.add("POST a/", "html", after=1)
    assert fired(plan, ["POST a/", "POST a/", "GET a/", "POST a/"]) == [None, "status", None, "html"]


@given(st.integers(1, 5), st.integers(0, 5))
def test_a_switch_fires_exactly_as_often_as_asked(times, after):
    plan = FaultPlan()
    plan.add("*", "status", times=times, after=after)
    assert fired(plan, ["GET x/"] * 12) == [None] * after + ["status"] * times + [None] * (12 - times - after)


@given(st.sampled_from(sorted(PARAMETERS)))
def test_each_kind_comes_with_its_defaults(kind):
    plan = FaultPlan()
    plan.add("GET x/", kind)
    fault = plan.take("GET x/")
    assert fault is not None
    assert fault.parameters == PARAMETERS[kind]


def test_a_parameter_of_another_kind_is_an_error_that_names_the_right_ones():
    with pytest.raises(UsageError, match="it has: share"):
        FaultPlan().add("*", "cut_body", seconds=1)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (1023, "1023 B"), (9216, "9.0 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_are_told_for_people(size, words):
    assert size_words(size) == words


def test_extensions_are_those_declared_or_those_of_the_type_or_any():
    assert allowed("image", ["PNG", ".jpg"]) == (".png", ".jpg")
    assert set(allowed("video", [])) == {f".{extension}" for extension in EXTENSIONS["video"]}
    assert allowed("medical", []) == ()


def test_types_that_only_v1_knows_are_data_on_v2():
    assert [v2_type(file_type) for file_type in ("image", "document", "medical")] == ["image", "data", "data"]


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1), st.randoms())
def test_a_composition_is_the_same_whatever_the_order_of_its_files_and_its_meta(files, dice):
    shuffled = list(files.items())
    dice.shuffle(shuffled)

    def wanted(pairs, meta):
        return Wanted(files={spec: ({"checksum": checksum}, "path") for spec, checksum in pairs}, meta=meta)

    assert wanted(files.items(), {"a": 1}).checksum == wanted(shuffled, {"b": 2}).checksum


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), min_size=1))
def test_another_content_in_any_slot_is_another_composition(files):
    spec = sorted(files)[0]
    changed = {**files, spec: "another"}
    assert (
        Wanted(files={s: ({"checksum": c}, "") for s, c in files.items()}).checksum
        != Wanted(files={s: ({"checksum": c}, "") for s, c in changed.items()}).checksum
    )
