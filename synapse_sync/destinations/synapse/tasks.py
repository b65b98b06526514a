"""Tasks: one per unit in a project (protocol §6)."""

from __future__ import annotations

from collections.abc import Sequence

from synapse_sync.destinations.synapse.http.calls import REGISTER
from synapse_sync.destinations.synapse.http.errors import never_twice, unclear
from synapse_sync.destinations.synapse.http.transport import Transport


def create(transport: Transport, api: str, project: int, collection: int, unit_ids: Sequence[int]) -> None:
    """Create a task for each unit of `collection` with one request; what a success answers is of no use.

    Raises Rejected where the server refuses all of it, OutcomeUnknown where the answer was lost (v2 skips units that
    have a task, so there the same request may be sent again) and other DestinationErrors.
    """
    doing = f"create {len(unit_ids)} tasks in project {project} for units of data collection {collection}"
    if api == "v2":
        data: object = {"project": project, "data_unit_ids": list(unit_ids)}
        answer = transport.call("POST", "v2/tasks/bulk-create/", doing, REGISTER, data=data)
    else:
        data = {"project": project, "data": [{"data_unit": number} for number in unit_ids]}
        with never_twice():
            answer = transport.call("POST", "tasks/", doing, REGISTER, data=data)
    if not answer:
        raise unclear(doing, "the answer is empty", change=True)
