"""A feed's first batch is looked at before thousands follow: was anything taken, and is it what was sent?"""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.errors import DestinationError, FeedPaused
from synapse_sync.metadata.changes import differences
from synapse_sync.records import OutgoingUnit
from synapse_sync.steps.work import Work

BAD = 10  # refused units, and none taken, after which no more are sent


class Beginning:
    """Whether the next batch is a feed's first, and what is asked of it then."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._first = not work.run.counts["registered"] and not work.ledger.query("any_registered", feed=work.id)

    def require_none_refused(self) -> None:
        """Raises FeedPaused where the server took none of the feed's units and refused many."""
        refused = self._work.ledger.query("refused_so_far", feed=self._work.id)[0] if self._first else {"units": 0}
        if refused["units"] >= BAD:
            raise FeedPaused(
                f"feed {self._work.feed.name}: the server refused its first {refused['units']} units and took none; "
                f"one of them: {refused['reason']}",
                hint="correct what it says; what depends on the config or the collection is then decided again by "
                "itself, else with `retry --all`",
            )

    def compare(self, units: Sequence[OutgoingUnit]) -> None:
        """Read one unit of the first batch back. Raises FeedPaused where its meta is not what was sent."""
        sent = {unit.id: unit for unit in units} if self._first else {}
        for row in self._work.ledger.query("registered_of", units=list(sent)) if sent else ():
            unit = sent[row["id"]]
            try:
                found = self._work.destination.meta_of(row["server_id"])
            except DestinationError:
                return  # it can't be asked, which says nothing of the unit
            if found is not None and (other := differences(unit.meta, {name: found.get(name) for name in unit.meta})):
                raise FeedPaused(
                    f"feed {self._work.feed.name}: unit {unit.key} was registered as {row['server_id']}, and the "
                    f"server shows other metadata than was sent: {'; '.join(other)}",
                    hint="look at it in the collection; the next run goes on",
                )
            return
