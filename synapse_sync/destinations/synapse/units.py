"""Registration: units go out as v1 or v2 wants them, and each unit's outcome is read from the answer (protocol §5)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from synapse_sync.destinations.synapse.http.calls import REGISTER
from synapse_sync.destinations.synapse.http.errors import NO_SUCH_ADDRESS, Gone, never_twice, unclear
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.errors import Rejected
from synapse_sync.records import OutgoingUnit, UnitOutcome

Row = Mapping[str, Any]

_BULK = "v2/data-units/bulk-create/"
_UNMATCHED = UnitOutcome("unmentioned", reason="the server's answer can't be matched to this unit")


def register(transport: Transport, api: str, collection: int, units: Sequence[OutgoingUnit]) -> list[UnitOutcome]:
    """Create `units` with one request; one outcome per unit, in order.

    A refusal of one unit alone is its outcome "rejected"; `lacking` then holds those of its checksums that the server's
    words name. Raises Rejected for a refusal of several: nothing was created. Raises OutcomeUnknown where the answer
    was lost (v2: the same request may be sent again) and other DestinationErrors.
    """
    what = f"unit {units[0].key}" if len(units) == 1 else f"{len(units)} units"
    doing = f"register {what} in data collection {collection}"
    data: Any
    path, data, outcomes = _BULK, _bulk(collection, units), outcomes_v2
    if api == "v1":
        listed = [{"data_collection": collection, **_described(unit)} for unit in units]
        path, data, outcomes = "data_units/", listed, outcomes_v1
    try:
        with never_twice() if api == "v1" else nullcontext():
            answer = transport.call("POST", path, doing, REGISTER, data=data)
    except Rejected as refused:
        if refused.status in NO_SUCH_ADDRESS:
            raise Gone(doing, refused) from refused
        if len(units) > 1:
            raise
        said = refused.message.removeprefix(f"could not {doing}")  # a unit's key may be a checksum too
        return [UnitOutcome("rejected", reason=refused.message, lacking=named(units[0], said))]
    if answer is None:
        raise unclear(doing, "the answer is empty", change=True)
    return outcomes(units, answer)


def rehearse(transport: Transport, collection: int, units: Sequence[OutgoingUnit]) -> None:
    """Ask v2 whether it would take these units; any answer of 2xx is a yes. Raises Rejected and DestinationErrors."""
    doing = f"ask whether data collection {collection} would take {len(units)} units"
    transport.call("POST", _BULK, doing, data=_bulk(collection, units), query={"dry_run": "true"})


def _bulk(collection: int, units: Sequence[OutgoingUnit]) -> dict[str, Any]:
    return {"data_collection": collection, "units": [_described(unit) for unit in units]}


def meta_of(transport: Transport, api: str, unit_id: int) -> Mapping[str, Any] | None:
    """A unit's meta as the server shows it (protocol §2), None where its answer has none. Raises DestinationErrors."""
    path = "v2/data-units" if api == "v2" else "data_units"
    answer = transport.call("GET", f"{path}/{unit_id}/", f"read unit {unit_id}")
    meta = answer.get("meta") if isinstance(answer, Mapping) else None
    return meta if isinstance(meta, Mapping) else None


def update_meta(transport: Transport, unit_id: int, key: str, meta: Mapping[str, Any]) -> None:
    """Replace the meta of a unit (v2, protocol §2.2): idempotent. Raises Rejected and other DestinationErrors."""
    doing = f"update the meta of unit {key} ({unit_id})"
    transport.call("PATCH", f"v2/data-units/{unit_id}/", doing, data={"meta": dict(meta)})


def _described(unit: OutgoingUnit) -> dict[str, Any]:
    """The unit as both APIs take it; groups only where there are some."""
    files = {spec: {"checksum": checksum, "path": path} for spec, (checksum, path) in unit.files.items()}
    described: dict[str, Any] = {"files": files, "meta": dict(unit.meta)}
    return {**described, "groups": list(unit.groups)} if unit.groups else described


def named(unit: OutgoingUnit, words: str) -> tuple[str, ...]:
    """Those of the unit's checksums that occur in the server's words."""
    said = words.lower()
    return tuple(dict.fromkeys(checksum for checksum, _ in unit.files.values() if checksum.lower() in said))


def outcomes_v2(units: Sequence[OutgoingUnit], answer: Any) -> list[UnitOutcome]:
    """Outcomes from v2's {"results": […]}, which keep the request's order; all unmentioned where the number differs."""
    results = answer.get("results") if isinstance(answer, Mapping) else None
    if not isinstance(results, list) or len(results) != len(units):
        return [_UNMATCHED] * len(units)
    return [_outcome(row, "data_unit_id") for row in results]


def outcomes_v1(units: Sequence[OutgoingUnit], answer: Any) -> list[UnitOutcome]:
    """Outcomes from v1's list, {"results": […]} or single unit.

    Rows that carry a sync key belong to the unit with that key. Where none does, rows belong by order if there are as
    many as units. Units that no row belongs to are unmentioned: v1 may leave some out without a word.
    """
    rows = _rows(answer)
    keys = [_sync_key(row) for row in rows]
    if not any(keys):
        return [_outcome(row, "id") for row in rows] if len(rows) == len(units) else [_UNMATCHED] * len(units)
    by_key: dict[str, deque[Row]] = defaultdict(deque)
    for key, row in zip(keys, rows, strict=True):
        by_key[key].append(row)
    return [_outcome(by_key[unit.sync_key].popleft(), "id") if _has(by_key, unit) else _UNMATCHED for unit in units]


def _rows(answer: Any) -> list[Any]:
    """The units of a v1 answer in any of its shapes."""
    if isinstance(answer, Mapping):
        answer = answer["results"] if isinstance(answer.get("results"), list) else [answer]
    return answer if isinstance(answer, list) else []


def _sync_key(row: Any) -> str:
    """The sync key in a row's meta, or ""."""
    meta = row.get("meta") if isinstance(row, Mapping) else None
    key = meta.get("sync_key") if isinstance(meta, Mapping) else None
    return key if isinstance(key, str) else ""


def _has(by_key: Mapping[str, deque[Row]], unit: OutgoingUnit) -> bool:
    return bool(unit.sync_key and by_key.get(unit.sync_key))


def _outcome(row: Any, id_name: str) -> UnitOutcome:
    """The outcome in one row: unmentioned where it holds no id."""
    number = row.get(id_name) if isinstance(row, Mapping) else None
    if not isinstance(number, int) or isinstance(number, bool):
        return _UNMATCHED
    return UnitOutcome("reused" if row.get("created") is False else "created", number)
