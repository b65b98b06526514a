"""Every answer that the real backend may give where nobody knows which it gives; with a lost registration, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from synapse_sync.devserver import switches

from .chosen import chosen
from .oracle import come_to_rest, judge, outstanding
from .workload import WAYS, Site

SAMPLE = 12


class Choice(NamedTuple):
    """One option of a server, with one of its values; lost: whether the answer to the registration does not come."""

    way: str
    option: str
    value: Any
    lost: bool

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.way} {self.option}={self.value}{' and a lost answer' if self.lost else ''}"

    @property
    def options(self) -> dict[str, Any]:
        """What the server is started with."""
        return {**WAYS[self.way].options, self.option: self.value}


CHOICES = [
    Choice(way, option, value, lost)
    for way in WAYS
    for option, values in switches().items()
    for value in values
    for lost in (False, True)
    if not (WAYS[way].api == "v2" and (option, value) == ("v2", False))  # it is configured, and not there
    if not (WAYS[way].storage and option == "session_code" and value)  # nothing is read then: test_storages.py
]


@pytest.mark.parametrize("choice", [pytest.param(one, id=one.name) for one in chosen(CHOICES, SAMPLE, "options")])
def test_an_option(site_of: Callable[..., Site], choice: Choice) -> None:
    site = site_of(choice.way, **{choice.option: choice.value})
    site.set_up()
    if choice.lost:
        site.server.fault(WAYS[choice.way].register, "drop_after")

    site.sync()

    site.server.clear_faults()
    if tells_nothing(choice):
        assert_held(site)
        return
    come_to_rest(site)
    judge(site)


def tells_nothing(choice: Choice) -> bool:
    """Whether the collection can't be looked through for what became of a lost registration."""
    return choice.lost and choice.options.get("v1_listing") == "bare" and WAYS[choice.way].api == "v1"


def assert_held(site: Site) -> None:
    """Nothing is sent again: a person decides."""
    site.run("retry", "--all")
    assert site.sync().exit_code == 1
    assert set(outstanding(site).values()) == {"held"}
    assert len(site.server.units(site.collection)) == len(site.expected)
