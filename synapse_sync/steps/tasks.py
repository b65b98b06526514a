"""With a project, each created unit gets its task; only then is it registered. The task has its own intent.

v2 skips units that have a task already, so a lost answer is asked again; on v1 it is held as "outcome unknown".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from synapse_sync.errors import DestinationError, OutcomeUnknown, Rejected
from synapse_sync.ledger import Row
from synapse_sync.states import Code
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.work import Work

UNKNOWN = (
    "outcome unknown: the unit is registered as {id}, the answer to its task was lost ({why}); "
    "look it up in the project, then `retry` asks for the task again"
)


def tasks(work: Work) -> int:
    """Ask for the tasks of created units; returns how many. Raises errors that concern the whole destination.

    Where the config no longer names a project, units that still lack their task are registered without.
    """
    limit = work.config.upload.batch_size
    place = {"feed": work.id, "destination": work.destination.name}
    units = work.ledger.query("units_without_task", **place, now=work.clock(), limit=limit)
    if not units:
        return 0
    if work.feed.project is None:
        _resolve(work, units, "unwanted", done=Code.CREATED)
    else:
        _ask(work, work.feed.project, units)
    return len(units)


def _ask(work: Work, project: int, units: Sequence[Row]) -> None:
    batch = uuid.uuid4().hex
    with work.ledger.write(durable=True) as transaction:
        now = work.stamp(transaction)["now"]
        asked = {"kind": "task", "api": work.destination.api, "batch": batch, "now": now}
        transaction.run_many("add_intent", ({"unit": unit["id"], **asked} for unit in units))
    try:
        work.destination.create_tasks(project, work.collection.id, [unit["server_id"] for unit in units])
    except Rejected as error:
        if len(units) > 1:
            _resolve(work, units, "rejected")
            middle = len(units) // 2
            _ask(work, project, units[:middle])
            _ask(work, project, units[middle:])
            return
        reason = f"the unit is registered as {units[0]['server_id']}, but its task is refused: {error.message}"
        _resolve(work, units, "rejected", hold=(Code.REJECTED, reason))
    except OutcomeUnknown as error:
        if work.destination.api == "v2":
            _resolve(work, units, "unknown", retry=error)
        else:
            _resolve(work, units, "unknown", hold=(Code.UNKNOWN, UNKNOWN.format(id="{id}", why=error.message)))
    except DestinationError as error:
        _resolve(work, units, "failed", retry=error)
        raise
    else:
        _resolve(work, units, "created", done=Code.TASK)
        work.run.count("tasks", len(units))


def _resolve(
    work: Work,
    units: Sequence[Row],
    outcome: str,
    *,
    done: Code | None = None,
    hold: tuple[Code, str] | None = None,
    retry: DestinationError | None = None,
) -> None:
    """Close the intents and move the units: registered, held, or to be asked for again."""
    with work.ledger.write(durable=True) as transaction:
        stamp = work.stamp(transaction)
        these = [unit["id"] for unit in units]
        transaction.run("resolve_intents", units=these, kind="task", outcome=outcome, now=stamp["now"])
        for unit in units:
            if hold:
                reason = hold[1].replace("{id}", str(unit["server_id"]))
                transaction.run("hold_unit", id=unit["id"], code=hold[0], reason=reason, **stamp)
            elif retry:
                again = next_attempt(stamp["now"], unit["attempts"] + 1, at_least=retry.retry_after)
                transaction.run("ask_later", id=unit["id"], failed=1, not_before=again, reason=str(retry))
            elif done:
                transaction.run("unit_tasked", id=unit["id"], code=done, **stamp)
