"""Which units have a task in a project, by a look through all of its tasks that is kept for the run."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass

from synapse_sync.destinations.base import Destination


@dataclass(frozen=True)
class Tasked:
    """The units that had a task when the look began, in order: eight bytes each, as there may be millions."""

    began: float
    units: array[int]

    def __contains__(self, server_id: int) -> bool:
        at = bisect_left(self.units, server_id)
        return at < len(self.units) and self.units[at] == server_id


def look_through_tasks(destination: Destination, project: int, now: float) -> Tasked:
    """Look now. Raises DestinationErrors, among them Rejected where the server has no such list."""
    units = array("q")
    for page in destination.with_task(project):
        units.extend(page)
    return Tasked(now, array("q", sorted(units)))


def is_recent(tasked: Tasked, doubted_at: float, at_work: float, now: float) -> bool:
    """Whether another look would tell no more of a task that was asked for at `doubted_at`.

    It may have been made before the look; once the server can't be at work on it any more, that is told for good.
    """
    over = doubted_at + at_work
    return tasked.began >= (over if over <= now else doubted_at)
