"""Fault switches: what goes wrong on purpose, where, and how often.

    kind                 parameters (default)                 what the client meets
    drop_before                                               connection reset, nothing was processed
    drop_after                                                processed, then connection reset instead of the answer
    delay                seconds (1.0), when ("before")       a late answer; when="after": processed first
    cut_body             share (0.5)                          the answer's head and a share of its body, then the end
    hang                 processed (False)                    no answer, until the client gives up
    status               code (503), processed (False),       429, 500, 502, 503, 504 …, before or after processing;
                         body (none), retry_after (none),     retry_as="date": Retry-After is the time `retry_after`
                         retry_as ("seconds")                 seconds from then
    html                 code (403)                           a proxy's HTML of 150 bytes, not processed
    expired_url                                               storage: refused as expired; issue: URLs already expired
    missing_etag                                              storage: accepted, but without an ETag
    reorder_results                                           `results` (or the list) in reverse order
    success_false        count (all)                          confirm: 200, but the first files failed
    wrong_host           host ("wrong.invalid:9")             absolute URLs of ours lead elsewhere
    corrupt                                              uploads: the first byte arrives as another one
    duplicate_delivery   answer ("first"|"second")            the request reaches the backend twice
    silent_drop          count (1)                            v1 units: the last ones are neither made nor mentioned
    partial              count (1), code (500)                v1 units: the first ones are made, the answer is an error

`route` is "METHOD path" as in the statistics ("POST data_units/", "PUT chunked_upload/{id}/", "PUT object/"), with
wildcards * and ?; "*" means every request. `applies` says which kinds mean something on which routes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from synapse_sync.errors import UsageError

PARAMETERS: dict[str, dict[str, object]] = {
    "drop_before": {},
    "drop_after": {},
    "delay": {"seconds": 1.0, "when": "before"},
    "cut_body": {"share": 0.5},
    "hang": {"processed": False},
    "status": {"code": 503, "retry_after": None, "retry_as": "seconds", "processed": False, "body": None},
    "html": {"code": 403},
    "expired_url": {},
    "missing_etag": {},
    "reorder_results": {},
    "success_false": {"count": 1 << 31},
    "wrong_host": {"host": "wrong.invalid:9"},
    "corrupt": {},
    "duplicate_delivery": {"answer": "first"},
    "silent_drop": {"count": 1},
    "partial": {"count": 1, "code": 500},
}
"""Every kind with its parameters and their defaults."""

_ISSUE = ("POST data_files/presigned_upload/upload/", "POST v2/data-collections/{id}/upload-urls/")
_CONFIRM = ("POST data_files/presigned_upload/confirm_upload/", "POST v2/data-collections/{id}/finalize-upload/")
_OBJECTS = ("PUT object/", "PUT object/part/")
_CHUNKED = ("PUT chunked_upload/", "PUT chunked_upload/{id}/")
_LISTS_V1 = ("GET data_collections/", "GET data_units/", "GET tasks/", "GET sdk/tasks/", "GET chunked_upload/")
_LISTS_V2 = (
    "GET v2/data-collections/", "GET v2/data-collections/{id}/groups/", "GET v2/data-units/", "GET v2/data-files/",
    "GET v2/projects/", "GET v2/tasks/", "GET v2/tokens/",
)  # fmt: skip
_ROUTES: dict[str, tuple[str, ...]] = {
    "expired_url": (*_ISSUE, *_OBJECTS),
    "missing_etag": _OBJECTS,
    "reorder_results": (
        *_ISSUE, *_CONFIRM, *_LISTS_V1, *_LISTS_V2, "GET storages/", "POST data_units/", "POST tasks/",
        "POST data_files/verify_checksums/", "POST v2/data-units/bulk-create/", "POST v2/tasks/bulk-fetch/",
    ),
    "success_false": _CONFIRM,
    "wrong_host": (
        *_LISTS_V1, *_LISTS_V2, *_CHUNKED, "GET chunked_upload/{id}/", "POST chunked_upload/{id}/",
        "GET data_units/{id}/", "POST data_files/", "POST data_units/", "POST v2/tasks/bulk-fetch/",
    ),
    "corrupt": ("POST data_files/", *_CHUNKED, *_OBJECTS),
    "silent_drop": ("POST data_units/",),
    "partial": ("POST data_units/",),
}  # fmt: skip
"""The only routes on which a kind means something: the others can't give such an answer."""


def routes_of(kind: str) -> tuple[str, ...]:
    """The only routes on which a kind means something; none are named where it is all."""
    return _ROUTES.get(kind, ())


def applies(kind: str, route: str) -> bool:
    """Whether a fault of this kind can be met on this route."""
    only = routes_of(kind)
    return not only or route in only


@dataclass(slots=True)
class Fault:
    """One switch that is on: lets `after` matching requests pass, then fires `times` times (None: for ever).

    With a `probability` below 1 each matching request is a throw of dice, the same ones for the same `seed`.
    """

    route: str
    kind: str
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    parameters: dict[str, Any] = field(default_factory=dict)
    dice: random.Random = field(default_factory=random.Random)


def firing(scope: Mapping[str, Any], kind: str) -> Fault | None:
    """The fault of this kind that an endpoint itself has to commit in this request."""
    fault: Fault | None = scope.get("fault")
    return fault if fault is not None and fault.kind == kind else None


class FaultPlan:
    """The switches that are on; may be used from any thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        route: str,
        kind: str,
        times: int | None = 1,
        after: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        **parameters: object,
    ) -> None:
        """Turn a switch on. Raises UsageError for an unknown kind or parameter."""
        if kind not in PARAMETERS:
            raise UsageError(f"there is no fault {kind!r}", hint=f"one of {', '.join(PARAMETERS)}")
        unknown = parameters.keys() - PARAMETERS[kind].keys()
        if unknown:
            known = ", ".join(PARAMETERS[kind]) or "none"
            raise UsageError(f"fault {kind!r} has no parameter {sorted(unknown)[0]!r}", hint=f"it has: {known}")
        method, _, path = route.partition(" ")
        fault = Fault(
            route=f"{method} {path.lstrip('/')}" if path else route,
            kind=kind,
            times=times,
            after=after,
            probability=probability,
            parameters={**PARAMETERS[kind], **parameters},
            dice=random.Random(seed),  # noqa: S311 - faults must be repeatable, not secret
        )
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Turn all switches off."""
        with self._lock:
            self._faults = []

    def take(self, key: str) -> Fault | None:
        """The switch that fires for this request, if one does; counts it."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if not _matches(fault.route, key):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.probability < 1 and fault.dice.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    def listed(self) -> list[Mapping[str, object]]:
        """The switches that are on, as plain data."""
        with self._lock:
            return [
                {"route": f.route, "kind": f.kind, "times": f.times, "after": f.after, "parameters": f.parameters}
                for f in self._faults
            ]


def _matches(route: str, key: str) -> bool:
    return route in (key, "*") or fnmatchcase(key, route)
