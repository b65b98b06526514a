"""Our client when a call fails: whether it may have changed anything is never lost (protocol §7)."""

import pytest

from synapse_sync.destinations.synapse import tasks, units
from synapse_sync.destinations.synapse.http.calls import REGISTER, UPLOAD
from synapse_sync.destinations.synapse.upload import direct, routes
from synapse_sync.errors import Busy, OutcomeUnknown, Unreachable
from tests.contract.client import APIS, CALLS, CHANGES, EVERY_CALL, SPECS, connected, send, unit
from tests.contract.scripted import answer, free_port, scripted

CUT = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[{"id"'
EMPTY = answer("", "201 Created")
NOTHING = b""


@APIS
@EVERY_CALL
def test_a_server_that_is_down_is_unreachable_and_nothing_was_applied(call, api):
    with (
        connected(f"http://127.0.0.1:{free_port()}", api=api) as destination,
        pytest.raises(Unreachable, match="no connection") as down,
    ):
        CALLS[call](destination)
    assert (down.value.scope, down.value.retry, down.value.applied) == ("destination", "later", "no")


@APIS
@EVERY_CALL
@pytest.mark.parametrize("raw", [NOTHING, CUT])
def test_a_lost_answer_leaves_changes_unknown_and_everything_else_worth_another_try(call, api, raw):
    asked = 2 if (call, api) == ("open", "v2") else 1  # v1 is asked beside it
    with (
        scripted(*[raw] * asked) as server,
        connected(server.url, api=api) as destination,
        pytest.raises(OutcomeUnknown if call in CHANGES else Unreachable) as lost,
    ):
        CALLS[call](destination)
    assert lost.value.applied == ("maybe" if call in CHANGES else "no")
    assert len(server.requests) == asked


@pytest.mark.parametrize("call", ["check", "put", "put_small", "register", "create_tasks"])
def test_silence_is_given_up_after_the_read_timeout(call, monkeypatch):
    impatient = REGISTER._replace(answer=0.2)
    for module in (direct, routes):
        monkeypatch.setattr(module, "UPLOAD", UPLOAD._replace(answer=0.2))
    monkeypatch.setattr(units, "REGISTER", impatient)
    monkeypatch.setattr(tasks, "REGISTER", impatient)
    with (
        scripted(None) as server,
        connected(server.url, read_timeout=0.2) as destination,
        pytest.raises(OutcomeUnknown if call in CHANGES else Unreachable, match="timed out"),
    ):
        CALLS[call](destination)
    assert len(server.requests) == 1


def test_an_empty_answer_to_a_registration_leaves_its_units_unknown():
    with (
        scripted(EMPTY) as server,
        connected(server.url) as destination,
        pytest.raises(OutcomeUnknown, match="the answer is empty"),
    ):
        destination.register(1, [unit(1, "0" * 32), unit(2, "1" * 32)], destination.api)


def test_an_empty_answer_to_an_upload_leaves_it_unknown_and_to_a_question_means_busy():
    with scripted(EMPTY, EMPTY, EMPTY) as server, connected(server.url) as destination:
        with pytest.raises(OutcomeUnknown):
            CALLS["put"](destination)
        with pytest.raises(Busy, match="existing_checksums"):
            CALLS["present"](destination)
        with pytest.raises(Busy, match="no data collection"):
            CALLS["open"](destination)


@EVERY_CALL
def test_a_success_that_is_a_web_page_is_no_success(call):
    with (
        scripted(answer("<h1>Welcome to this hotel</h1>")) as server,
        connected(server.url) as destination,
        pytest.raises(OutcomeUnknown if call in CHANGES else Busy, match="not JSON"),
    ):
        CALLS[call](destination)


@EVERY_CALL
def test_a_proxys_page_is_busy_and_no_refused_token(call, devserver):
    devserver.fault("*", "html", code=403)
    with (
        connected(devserver.url) as destination,
        pytest.raises(Busy, match=r"403 .*by a proxy before the server") as busy,
    ):
        CALLS[call](destination)
    assert (busy.value.scope, busy.value.retry, busy.value.applied) == ("call", "later", "no")
    assert devserver.stats()["units"] == 0 or call != "register"


@pytest.mark.parametrize("code", [408, 425, 429, 503])
@EVERY_CALL
def test_a_server_that_is_busy_says_how_long_and_nothing_was_applied(call, code, devserver):
    devserver.fault("*", "status", code=code, retry_after=7)
    with connected(devserver.url) as destination, pytest.raises(Busy) as busy:
        CALLS[call](destination)
    assert (busy.value.retry_after, busy.value.applied, busy.value.status) == (7, "no", code)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@pytest.mark.parametrize("processed", [False, True])
def test_a_v1_registration_that_ends_in_5xx_is_unknown_whether_processed_or_not(devserver, code, processed):
    collection = devserver.create_collection("scans", SPECS)
    with connected(devserver.url) as destination:
        one = unit(1, send(destination, b"x").checksum)
        devserver.fault("POST data_units/", "status", code=code, processed=processed)
        with pytest.raises(OutcomeUnknown) as unknown:
            destination.register(collection, [one], destination.api)
    assert unknown.value.status == code
    assert len(devserver.units(collection)) == int(processed)


def test_a_v1_registration_whose_answer_was_dropped_is_unknown_and_sent_once(devserver):
    collection = devserver.create_collection("scans", SPECS)
    with connected(devserver.url) as destination:
        one = unit(1, send(destination, b"x").checksum)
        devserver.fault("POST data_units/", "drop_after")
        with pytest.raises(OutcomeUnknown, match="register unit unit-1"):
            destination.register(collection, [one], destination.api)
    assert len(devserver.units(collection)) == 1
    assert devserver.stats()["requests"]["POST data_units/"] == 1


def test_a_v2_registration_whose_answer_was_dropped_is_unknown_and_sending_it_again_makes_no_second_unit(devserver):
    collection = devserver.create_collection("scans", SPECS)
    with connected(devserver.url, api="v2") as destination:
        one = unit(1, send(destination, b"x").checksum)
        devserver.fault("POST v2/data-units/bulk-create/", "drop_after")
        with pytest.raises(OutcomeUnknown):
            destination.register(collection, [one], destination.api)
        assert destination.register(collection, [one], destination.api)[0].kind == "reused"
    assert len(devserver.units(collection)) == 1


@APIS
def test_tasks_whose_answer_was_dropped_are_unknown(devserver, api):
    collection = devserver.create_collection("scans", SPECS)
    project = devserver.create_project("annotate", collection)
    with connected(devserver.url, api=api) as destination:
        made = destination.register(collection, [unit(1, send(destination, b"x").checksum)], destination.api)[
            0
        ].server_id
        devserver.fault("*tasks/*", "drop_after")
        with pytest.raises(OutcomeUnknown):
            destination.create_tasks(project, collection, [made], destination.api)
    assert len(devserver.tasks(project)) == 1
