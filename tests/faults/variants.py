"""Every way in which one answer can fail: the devserver's fault switches, with the parameters that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from synapse_sync.devserver import applies

ANSWERED_LATE = 0.1
"""Seconds of delay that a client waits for."""
GIVEN_UP = 0.6
"""Seconds that a client waits where no answer comes."""
TOO_LATE = 1.0
"""Seconds of delay that no client waits for."""

Parameters = Mapping[str, Any]

ANSWERS: list[Parameters] = [
    *({"code": 429, "retry_after": 1, "retry_as": kind} for kind in ("seconds", "date")),
    {"code": 503, "retry_after": 1},
    *({"code": code, "processed": processed} for code in (500, 502, 503, 504) for processed in (False, True)),
    *({"code": code} for code in (400, 401, 403, 404, 405, 408, 409, 410, 413)),
    {"code": 200, "body": "no JSON"},
    {"code": 200, "body": {}},
    {"code": 200, "body": "", "processed": True},
    {"code": 200, "body": [], "processed": True},
    {"code": 204, "body": ""},
    {"code": 302, "body": ""},
]

LASTING: list[Parameters] = [{"code": 503, "retry_after": 1}, *({"code": code} for code in (400, 401, 404))]
"""Those of them that a server gives for hours."""

VARIANTS: dict[str, list[Parameters]] = {
    "drop_before": [{}],
    "drop_after": [{}],
    "delay": [
        {"seconds": ANSWERED_LATE, "when": "before"},
        {"seconds": ANSWERED_LATE, "when": "after"},
        {"seconds": TOO_LATE, "when": "before"},
        {"seconds": TOO_LATE, "when": "after"},
    ],
    "cut_body": [{"share": 0}, {"share": 0.5}],
    "hang": [{"processed": False}, {"processed": True}],
    "status": ANSWERS,
    "html": [{"code": 400}, {"code": 403}, {"code": 502}],
    "expired_url": [{}],
    "missing_etag": [{}],
    "reorder_results": [{}],
    "success_false": [{}, {"count": 1}],
    "wrong_host": [{}],
    "corrupt": [{}],
    "duplicate_delivery": [{"answer": "first"}, {"answer": "second"}],
    "silent_drop": [{"count": 1}, {"count": 1 << 31}],
    "partial": [{"count": 1, "code": 500}, {"count": 1, "code": 400}, {"count": 0, "code": 502}],
}


class Fault(NamedTuple):
    """One switch as it is turned on."""

    kind: str
    parameters: Parameters

    @property
    def name(self) -> str:
        """For the test's id."""
        return "-".join([self.kind, *(f"{key}={value}" for key, value in self.parameters.items())])

    @property
    def unanswered(self) -> bool:
        """Whether the client gives up before there is an answer."""
        return self.kind == "hang" or self.parameters.get("seconds", 0) >= TOO_LATE

    @property
    def lingers(self) -> float:
        """Seconds that the server may still be at work on the request after the client has gone."""
        return TOO_LATE if self.unanswered and self.kind == "delay" else 0.0


def faults_on(route: str) -> Iterator[Fault]:
    """Every fault that can be met on this route."""
    for kind, variants in VARIANTS.items():
        if applies(kind, route):
            yield from (Fault(kind, parameters) for parameters in variants)


def lasts(fault: Fault) -> bool:
    """Whether it is worth meeting again and again: one answer of each kind, and nothing that takes seconds."""
    same = fault.kind == "status" and fault.parameters not in LASTING
    half = fault.kind == "partial" and fault.parameters["code"] == 400  # no server refuses every unit that it makes
    return not fault.unanswered and not same and not half
