"""Which requests there are to fail, on each way; a test holds this against what is really asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .variants import Fault, faults_on, lasts
from .workload import WAYS, Site, Way

LISTED, LOOKED_UP = "GET data_units/", "POST data_files/verify_checksums/"
_V1 = ["GET data_collections/{id}/", LISTED, "GET data_units/{id}/", LOOKED_UP, "POST data_units/", "POST tasks/"]
ASKED = {
    "v1-whole": [
        *_V1,
        "POST data_files/presigned_upload/upload/",
        "POST data_files/",
        "PUT chunked_upload/",
        "PUT chunked_upload/{id}/",
        "POST chunked_upload/{id}/",
    ],
    "v1-presigned": [
        *_V1,
        "POST storages/{id}/session/",
        "POST data_files/presigned_upload/upload/",
        "PUT object/",
        "PUT object/part/",
        "POST data_files/presigned_upload/confirm_upload/",
    ],
    "v2-presigned": [
        "GET v2/data-collections/{id}/",
        "GET data_collections/{id}/",
        LISTED,
        LOOKED_UP,
        "POST v2/data-collections/{id}/upload-urls/",
        "PUT object/",
        "PUT object/part/",
        "POST v2/data-collections/{id}/finalize-upload/",
        "POST v2/data-units/bulk-create/",
        "GET v2/data-units/{id}/",
        "POST v2/tasks/bulk-create/",
    ],
}
"""Routes that the workload asks for when nothing fails."""


class Loss(NamedTuple):
    """A request that is made, or made again, after an answer to `lost` has not come; after: how many come before it."""

    lost: str
    route: str
    after: int = 0


def losses(way: Way) -> list[Loss]:
    """What is asked on this way because of a lost answer."""
    found = [Loss(way.confirm, LOOKED_UP, after=1)]
    if way.api == "v1":
        found += [Loss(way.register, LISTED, after=1)]
        found += [Loss(lost, "GET sdk/tasks/") for lost in (way.register, way.tasks)]
    else:
        found += [Loss(way.register, way.register, after=1), Loss(way.tasks, way.tasks, after=1)]
    if not way.presigned:
        chunks = ("PUT chunked_upload/{id}/", "POST chunked_upload/{id}/")
        found += [Loss(route, "GET chunked_upload/{id}/") for route in chunks]
    return found


class Cell(NamedTuple):
    """A fault on a route, `times` (None: for a whole run); loss: why the route is asked, where it would not be."""

    way: str
    route: str
    fault: Fault
    times: int | None
    loss: Loss | None = None

    @property
    def name(self) -> str:
        """For the test's id."""
        lost = f"after a loss at {self.loss.lost} " if self.loss else ""
        return f"{self.way} {lost}{self.route} {self.fault.name} {'once' if self.times else 'always'}"


def cells() -> Iterator[Cell]:
    """All of them."""
    for way in WAYS:
        for route in ASKED[way]:
            for fault in faults_on(route):
                yield Cell(way, route, fault, 1)
                if lasts(fault):
                    yield Cell(way, route, fault, None)
        for loss in losses(WAYS[way]):
            yield from (Cell(way, loss.route, fault, 1, loss) for fault in faults_on(loss.route) if lasts(fault))


def asked(site: Site, lost: str = "") -> set[str]:
    """The routes that the workload really asks for, when the first answer on the route `lost` does not come."""
    site.set_up()
    if lost:
        site.server.fault(lost, "drop_after")
    site.sync()
    return set(site.server.stats()["requests"])
