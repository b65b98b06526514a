"""Three guards taken away, one at a time: the oracle must see it, or it would not see a mistake in them either."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from synapse_sync.destinations.synapse import files
from synapse_sync.destinations.synapse.upload import direct
from synapse_sync.ledger import store
from synapse_sync.records import ContentRef
from synapse_sync.runner import STEPS
from synapse_sync.sources.readers import Readers
from synapse_sync.steps import Work
from synapse_sync.steps.register import _Registration
from synapse_sync.steps.scan import scan

from .oracle import come_to_rest, judge
from .workload import Site


def lost_answer(site: Site) -> None:
    """The server makes the units, and nobody hears of it."""
    site.server.fault(site.way.register, "drop_after")
    site.sync()


def spoilt_bytes(site: Site) -> None:
    """A small file arrives as another one."""
    site.server.fault("POST data_files/", "corrupt")
    site.sync()


def change_between(site: Site) -> None:
    """A file becomes what the server has already, and is listed, after it was read and before that is written down.

    The daemon lists while steps are at work; here a listing is put exactly there.
    """
    site.sync()
    first, other = site.expected["p1"]["image_1"], site.expected["p2"]["image_1"]
    site.add({"p7": {"image_1": first, "label_1": b"label 7"}})
    site.expected["p7"]["image_1"] = other
    read = Readers.read
    (act,) = (step.act for step in STEPS if step.name == "checksum")

    def listing_after(one: Work) -> int:
        def read_then_list(self: Readers, chunks: Sequence[Any]) -> Iterator[Any]:
            for result in list(read(self, chunks)):
                rewrite(site.share / "p7" / "image.png", other)
                scan(one)
                yield result

        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(Readers, "read", read_then_list)
            return act(one)

    with pytest.MonkeyPatch.context() as patches:
        steps = tuple(step._replace(act=listing_after) if step.name == "checksum" else step for step in STEPS)
        patches.setattr("synapse_sync.runner.STEPS", steps)
        site.sync()


def rewrite(path: Any, data: bytes) -> None:
    """Once: another content, at another time."""
    if path.read_bytes() != data:
        path.write_bytes(data)
        os.utime(path, ns=(1, 1))


def no_intent(patch: Callable[..., None]) -> None:
    """The request goes out, and the ledger does not know of it."""
    patch(_Registration, "_record_intents", lambda self, units: list(units))


def no_comparison(patch: Callable[..., None]) -> None:
    """Whatever the server says that it stored is taken for what was sent."""

    def trusting(answer: Any, digests: Any, doing: str) -> ContentRef:
        return ContentRef(answer["checksum"], answer["id"])

    patch(direct, "content_ref", trusting)
    patch(files, "content_ref", trusting)


def no_revision(patch: Callable[..., None]) -> None:
    """A result is written down whatever became of the file meanwhile."""
    statement = store.statement

    def unguarded(name: str) -> str:
        text = statement(name)
        return text.replace("AND revision = :revision AND state = 'grouped'", "") if name == "record_read" else text

    assert unguarded("record_read") != statement("record_read")
    patch(store, "statement", unguarded)


MUTANTS = {
    "no intent before the request": (no_intent, lost_answer),
    "no comparison of checksums": (no_comparison, spoilt_bytes),
    "no guard of revisions": (no_revision, change_between),
}


@pytest.mark.parametrize(("mutate", "scenario"), MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_is_found(
    site_of: Callable[..., Site], mutate: Callable[..., None], scenario: Callable[[Site], None]
) -> None:
    def goes_well(folder: str) -> None:
        site = site_of("v1-whole", folder)
        site.set_up()
        scenario(site)
        site.server.clear_faults()
        come_to_rest(site)
        judge(site)

    goes_well("as it is")
    with pytest.MonkeyPatch.context() as patches:
        mutate(patches.setattr)
        with pytest.raises(AssertionError, match=r"\d × (too many|missing)"):
            goes_well("without the guard")
