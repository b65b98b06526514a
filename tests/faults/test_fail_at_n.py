"""Whatever fails, at whichever use, once or from then on: the run ends in words, and later ones do all that is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.conftest import Printed

from .chosen import ALL, sample
from .failing import KINDS, Nth
from .oracle import come_to_rest, judge
from .workload import WAYS, Site

SAMPLE = 10 if ALL else 1
VARYING = ("a request is not sent", "a request is not answered", "a statement fails")  # in number, as batches do


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_the_nth_fails(site_of: Callable[..., Site], way: str, kind: str, lasting: bool) -> None:
    usual = Nth()
    assert run(site_of(way, "0"), kind, usual).exit_code == 0

    for number in sample(range(1, usual.uses + 1), SAMPLE, f"{way} {kind} {lasting}"):
        site = site_of(way, str(number))
        nth = Nth(number, lasting=lasting)
        printed = run(site, kind, nth)
        assert nth.uses >= number or kind in VARYING
        assert printed.exit_code in (0, 1, 3, 4), (number, printed)
        come_to_rest(site)
        judge(site)


def run(site: Site, kind: str, nth: Nth) -> Printed:
    """`once` on a new installation, as a person types it, where something fails."""
    site.set_up()
    with pytest.MonkeyPatch.context() as patches:
        KINDS[kind](patches.setattr, nth)
        return site.type("once")
