"""With a project, each created unit gets its task; only then is it registered. The task has its own intent.

v2 skips units that have a task already, so a lost answer is asked again; on v1 the project's tasks are looked through
first, and what has none is asked for once the lost request can no longer be at work. So they are for a unit that was
found in the collection: whoever made it, another ledger or an earlier state of this one, may have made its task too.
Where they can't be looked through a person does that, and `retry` says so.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from synapse_sync.destinations.base import Api
from synapse_sync.errors import DestinationError, OutcomeUnknown, Rejected
from synapse_sync.ledger import Row
from synapse_sync.states import Code
from synapse_sync.steps import backoff
from synapse_sync.steps.backoff import next_attempt
from synapse_sync.steps.tasked import Tasked, is_recent, look_through_tasks
from synapse_sync.steps.work import Work

UNSEEN = (
    "outcome unknown: the unit is registered as {id}, whether it has its task can't be seen ({why}); "
    "look it up in the project: `retry` asks for it"
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
    api = work.destination.api
    if work.feed.project is None:
        _resolve(work, units, "unwanted", done=Code.CREATED)
    elif api:
        doubted = [unit for unit in units if unit["doubted_at"] is not None and api == "v1"]
        _look(work, work.feed.project, doubted)
        if sure := [unit for unit in units if unit not in doubted]:
            _ask(work, work.feed.project, sure, api)
    return len(units)


def _look(work: Work, project: int, units: Sequence[Row]) -> None:
    """Which of these units have their task: from others, or from a request of which nobody knows what became."""
    if not units:
        return
    now = work.clock()
    try:
        if not work.tasked or not all(is_recent(work.tasked, u["doubted_at"], backoff.AT_WORK, now) for u in units):
            work.tasked = look_through_tasks(work.destination, project, now)
    except Rejected as refused:
        told = [unit for unit in units if unit["approved"] and unit["moved_at"] > unit["doubted_at"]]
        _hold(work, [unit for unit in units if unit not in told], refused)
        if told:  # a person has looked instead of us
            _ask(work, project, told, "v1")
        return
    missing = _missing(work, units, work.tasked)
    over = [unit for unit in missing if work.tasked.began >= unit["doubted_at"] + backoff.AT_WORK]
    if over:
        _ask(work, project, over, "v1")
    with work.ledger.write() as transaction:
        for unit in missing:
            if unit not in over:
                due = unit["doubted_at"] + backoff.AT_WORK
                transaction.run("ask_later", id=unit["id"], failed=1, not_before=due, reason=unit["reason"])


def _missing(work: Work, units: Sequence[Row], tasked: Tasked) -> list[Row]:
    """Those that have no task; those that have one are registered."""
    there = [unit for unit in units if unit["server_id"] in tasked]
    _resolve(work, there, "created", done=Code.TASK)
    work.run.count("tasks", len(there))
    return [unit for unit in units if unit["server_id"] not in tasked]


def _hold(work: Work, units: Sequence[Row], refused: Rejected, before: str = "") -> None:
    why = f"{before}the project's tasks can't be looked through: {refused.message}"
    _resolve(work, units, "unknown", hold=(Code.UNKNOWN, UNSEEN.format(id="{id}", why=why)))


def _ask(work: Work, project: int, units: Sequence[Row], api: Api) -> None:
    batch = uuid.uuid4().hex
    with work.ledger.write(durable=True) as transaction:
        now = work.stamp(transaction)["now"]
        asked = {"kind": "task", "api": api, "batch": batch, "now": now}
        transaction.run_many("add_intent", ({"unit": unit["id"], **asked} for unit in units))
    try:
        work.destination.create_tasks(project, work.collection.id, [unit["server_id"] for unit in units], api)
    except Rejected as error:
        if len(units) > 1:
            _ask_for_fewer(work, project, units, api, error)
            return
        reason = f"the unit is registered as {units[0]['server_id']}, but its task is refused: {error.message}"
        _resolve(work, units, "rejected", hold=(Code.REJECTED, reason))
    except OutcomeUnknown as error:
        _resolve(work, units, "unknown", retry=error)
    except DestinationError as error:
        _resolve(work, units, "failed", retry=error)
        raise
    else:
        _resolve(work, units, "created", done=Code.TASK)
        work.run.count("tasks", len(units))


def _ask_for_fewer(work: Work, project: int, units: Sequence[Row], api: Api, error: Rejected) -> None:
    """A refused batch goes by halves. On v1, which may have made some of it, what has no task now goes one by one."""
    if api == "v2":
        _resolve(work, units, "rejected")
        middle = len(units) // 2
        _ask(work, project, units[:middle], api)
        _ask(work, project, units[middle:], api)
        return
    _resolve(work, units, "unknown")
    try:
        work.tasked = look_through_tasks(work.destination, project, work.clock())
    except Rejected as refused:
        _hold(work, units, refused, f"{error.message}; ")
        return
    for unit in _missing(work, units, work.tasked):
        _ask(work, project, [unit], api)


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
