"""The judge itself: what it lets pass and what it refuses."""

import hashlib

import pytest

from tests.contract.openapi import Mismatch, description, description_file, validate_request, validate_response

pytestmark = pytest.mark.usefixtures("description")

DIGEST = "1c72b059015c563904a7b52f9a289f234785b43c5be54f92659f459366a4eb78"
BULK = "/v2/data-units/bulk-create/"
UNIT = {"files": {"image_1": {"checksum": "a" * 40, "path": "a.png"}}}


def test_the_description_is_the_one_that_the_protocol_was_read_from():
    """Another version would need another look at the protocol."""
    digest = hashlib.sha256(description_file().read_bytes()).hexdigest()
    assert digest == DIGEST, f"{description()['info']} is not the description that these tests know"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", BULK, {"data_collection": 1, "units": [UNIT]}),
        ("POST", BULK + "?dry_run=true", {"data_collection": 1, "units": [{**UNIT, "groups": ["a"], "meta": None}]}),
        ("GET", "/v2/data-units/?data_collection=3&per_page=5", None),
        ("GET", "/v2/data-units/17/", None),
    ],
)
def test_a_described_request_passes(method, path, body):
    validate_request(method, path, body)


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", BULK, {"units": [UNIT]}, "'data_collection' is a required property"),
        ("POST", BULK, {"data_collection": 1, "units": []}, "should be non-empty"),
        ("POST", BULK, {"data_collection": 1, "units": [UNIT] * 1001}, "too long"),
        ("POST", BULK, {"data_collection": 1, "units": [{**UNIT, "sync_key": "x"}]}, "'sync_key' was unexpected"),
        ("POST", BULK, {"data_collection": "1", "units": [UNIT]}, "not of type 'integer'"),
        ("POST", BULK, None, "None is not of type 'object'"),
        ("PATCH", BULK, {}, "has no PATCH"),
        ("GET", "/v2/nothing/", None, "there is no path"),
        ("GET", "/v2/data-units/?page=2", None, "no query parameter 'page'"),
    ],
)
def test_any_other_request_is_refused_with_the_reason(method, path, body, reason):
    with pytest.raises(Mismatch, match=reason):
        validate_request(method, path, body)


def test_a_list_passes_in_the_envelope_and_bare():
    item = {"id": 1, "data_collection_id": 1, "checksum": "a", "created": "2026-01-01T00:00:00Z"}
    pagination = {"next_cursor": "cD0y", "previous_cursor": None, "per_page": 1}
    enveloped = {"data": [item], "meta": {"request_id": "req_1", "pagination": pagination}}
    validate_response("GET", "/v2/data-units/", 200, enveloped)
    validate_response("GET", "/v2/data-units/", 200, {"next": None, "previous": None, "results": [item]})


@pytest.mark.parametrize(
    ("created", "reason"),
    [("yesterday", "is not a 'date-time'"), ("2026-01-01T00:00:00", "is not a 'date-time'"), (None, "not of type")],
)
def test_a_field_of_another_type_or_format_is_refused(created, reason):
    item = {"id": 1, "data_collection_id": 1, "checksum": "a", "created": created}
    with pytest.raises(Mismatch, match=reason):
        validate_response("GET", "/v2/data-units/", 200, {"next": None, "previous": None, "results": [item]})


def test_nullable_means_that_null_passes_too():
    result = {"file_key": "k", "checksum": "c", "data_file_id": None, "success": False, "created": False, "error": None}
    body = {"results": [result], "created_count": 0, "failed_count": 1}
    validate_response("POST", "/v2/data-collections/1/finalize-upload/", 200, body)
    broken = {**body, "results": [{**result, "checksum": None}]}
    with pytest.raises(Mismatch, match="checksum: None"):
        validate_response("POST", "/v2/data-collections/1/finalize-upload/", 200, broken)


def test_errors_must_have_the_error_envelope():
    error = {"error": {"code": "NOT_FOUND", "message": "no", "details": None}, "meta": {"request_id": "req_1"}}
    validate_response("GET", "/v2/data-units/1/", 404, error)
    with pytest.raises(Mismatch, match="must have `error` and `meta`"):
        validate_response("GET", "/v2/data-units/1/", 404, {"detail": "no"})
    with pytest.raises(Mismatch, match="are described"):
        validate_response("GET", "/v2/data-units/1/", 418, error)
