"""Every fault on every request, once and again and again: in the end each unit is there, once, with its own bytes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from synapse_sync.devserver import route_keys
from synapse_sync.devserver.faults import PARAMETERS
from synapse_sync.steps import backoff
from tests.integration.account import problems_of

from .chosen import chosen
from .hurry import give_up_after
from .matrix import ASKED, LISTED, Cell, asked, cells, losses
from .oracle import Allowed, come_to_rest, judge
from .variants import GIVEN_UP, VARIANTS
from .workload import WAYS, Site

SAMPLE = 30

CELLS = list(cells())
NOT_IDEMPOTENT = ("POST data_units/", "POST tasks/")
UPLOADS = ("POST data_files/", "PUT chunked_upload/", "PUT chunked_upload/{id}/", "PUT object/", "PUT object/part/")


def test_no_switch_is_left_out() -> None:
    assert VARIANTS.keys() == PARAMETERS.keys()
    for kind, variants in VARIANTS.items():
        assert all(parameters.keys() <= PARAMETERS[kind].keys() for parameters in variants)
    tested = {cell.fault.kind for cell in CELLS}
    assert tested == VARIANTS.keys(), "on some route each can be met"


@pytest.mark.parametrize("way", WAYS)
def test_no_request_is_left_out(site_of: Callable[..., Site], way: str) -> None:
    usual = asked(site_of(way))
    assert usual == set(ASKED[way])
    assert usual <= set(route_keys())
    for number, lost in enumerate(ASKED[way]):
        followed = {loss.route for loss in losses(WAYS[way]) if loss.lost == lost}
        assert asked(site_of(way, str(number)), lost) - usual <= followed


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.name) for cell in chosen(CELLS, SAMPLE, "matrix")])
def test_a_fault(site_of: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, cell: Cell) -> None:
    site = site_of(cell.way)
    site.set_up()
    wait = break_the_server(site, monkeypatch, cell)

    first = site.sync()

    assert first.exit_code in (0, 1, 3), first.stdout
    assert problems_of(site.ledger) == []
    site.server.clear_faults()
    time.sleep(wait)
    if needs_a_person(cell):
        assert_held(site)
    else:
        come_to_rest(site)
        judge(site, beyond_us(cell))


def break_the_server(site: Site, monkeypatch: pytest.MonkeyPatch, cell: Cell) -> float:
    """Turn the fault on; returns for how many seconds the server may be at work on what its client gave up."""
    after = 0
    if cell.loss:
        site.server.fault(cell.loss.lost, "drop_after")
        after = cell.loss.after - (cell.loss.lost == cell.route)
    site.server.fault(cell.route, cell.fault.kind, times=cell.times, after=after, **cell.fault.parameters)
    if cell.fault.unanswered:
        give_up_after(monkeypatch.setattr, GIVEN_UP)
        monkeypatch.setattr(backoff, "AT_WORK", 2 * cell.fault.lingers)
    return 2 * cell.fault.lingers


def beyond_us(cell: Cell) -> Allowed:
    """What this fault does that no client can prevent."""
    twice = cell.fault.kind == "duplicate_delivery"
    if twice and cell.route in NOT_IDEMPOTENT:
        return Allowed(copies=2)
    if cell.route in UPLOADS and (twice or cell.fault.lingers):
        return Allowed(bytes_twice=True)
    if cell.fault.kind == "silent_drop" and cell.times is None:
        return Allowed(bytes_twice=True)  # that the server won't use a content which it says it has could be the reason
    if cell.fault.kind == "reorder_results" and cell.route == WAYS["v2-presigned"].register:
        return Allowed(ids=False)  # that the results keep the order of the request is all that tells them apart
    return Allowed()


def needs_a_person(cell: Cell) -> bool:
    """Whether the request that would tell what became of a lost one is refused in the server's own words."""
    looking = cell.loss is not None and cell.route in (LISTED, "GET sdk/tasks/")
    return looking and cell.fault.kind == "status" and cell.fault.parameters["code"] in (400, 404)


def assert_held(site: Site) -> None:
    """Nothing is sent again: each unit is there once, and waits for a person's word, not for `retry --all`."""
    site.run("retry", "--all")
    assert site.sync().exit_code == 1
    states = site.states()
    held = [key for key, state in states.items() if state == "held"]
    assert held
    assert set(states.values()) <= {"held", "registered"}
    assert all(site.reason(key).startswith("outcome unknown: ") for key in held)
    assert len(site.server.units(site.collection)) == len(site.expected)
    assert len(site.server.tasks(site.project)) <= len(site.expected)
