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
from .matrix import ASKED, Cell, asked, cells, losses
from .oracle import come_to_rest, judge
from .variants import GIVEN_UP, VARIANTS, Fault
from .workload import UNITS, WAYS, Site, sha1

SAMPLE = 60

CELLS = list(cells())
SENT_BY_NOBODY_ELSE = {
    "POST data_files/",
    "PUT chunked_upload/",
    "PUT chunked_upload/{id}/",
    "PUT object/",
    "PUT object/part/",
}


def test_no_switch_is_left_out() -> None:
    assert VARIANTS.keys() == PARAMETERS.keys()
    for kind, variants in VARIANTS.items():
        assert all(parameters.keys() <= PARAMETERS[kind].keys() for parameters in variants)
    tested = {cell.fault.kind for cell in CELLS}
    assert tested == VARIANTS.keys(), "on some route each can be met"


@pytest.mark.parametrize("way", WAYS)
def test_no_request_is_left_out(way: str) -> None:
    usual = asked(WAYS[way])
    assert usual == set(ASKED[way])
    assert usual <= set(route_keys())
    for lost in (WAYS[way].register, WAYS[way].tasks, *ASKED[way]):
        followed = {loss.route for loss in losses(WAYS[way]) if loss.lost == lost}
        assert asked(WAYS[way], lost) - usual <= followed


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.name) for cell in chosen(CELLS, SAMPLE, "matrix")])
def test_a_fault(site_of: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, cell: Cell) -> None:
    site = site_of(cell.way)
    site.set_up()
    wait = prepare(monkeypatch, cell.fault)
    after = 0
    if cell.loss:
        site.server.fault(cell.loss.lost, "drop_after")
        after = cell.loss.after - (cell.loss.lost == cell.route)
    site.server.fault(cell.route, cell.fault.kind, times=cell.times, after=after, **cell.fault.parameters)

    first = site.sync()

    assert first.exit_code in (0, 1, 3), first.stdout
    assert problems_of(site.ledger) == []
    site.server.clear_faults()
    time.sleep(wait)
    come_to_rest(site)
    judge(site, again=received_twice(cell))


def prepare(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> float:
    """Let the client give up where it must, and what is at work then have its time; returns how long that is."""
    if fault.unanswered:
        give_up_after(monkeypatch.setattr, GIVEN_UP)
        monkeypatch.setattr(backoff, "AT_WORK", 2 * fault.lingers)
    return 2 * fault.lingers


def received_twice(cell: Cell) -> set[str]:
    """Contents that the fault itself makes the server receive again, or before the client can know of it."""
    uploads = cell.route in SENT_BY_NOBODY_ELSE
    if uploads and (cell.fault.kind == "duplicate_delivery" or cell.fault.lingers):
        return {sha1(content) for files in UNITS.values() for content in files.values()}
    return set()
