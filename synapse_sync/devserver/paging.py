"""Lists in pages: v1 counts pages, v2 hands out opaque cursors (protocol §2.5)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from synapse_sync.devserver.backend import Backend, base_url
from synapse_sync.devserver.envelope import Refused, answer, number, request_id, row_v1
from synapse_sync.devserver.store import Row


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a table with an `id` are listed: columns that equal a value (None: any) and a further condition.

    Table, columns and condition are written in this package, never taken from a request; `parameters` are values that
    the condition names.
    """

    table: str
    equal: Mapping[str, object] = field(default_factory=dict)
    condition: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The words FROM and WHERE with what belongs to them."""
        conditions = [f"{column} = :{column}" for column, value in self.equal.items() if value is not None]
        return f"FROM {self.table} WHERE {' AND '.join([*conditions, self.condition or '1'])}"

    @property
    def values(self) -> dict[str, object]:
        """The parameters of `source`."""
        return {**self.equal, **self.parameters}


def asked_id(request: Request, name: str) -> int | None:
    """An id to filter by, from the query. Raises Refused 400 where it is no number."""
    text = request.query_params.get(name)
    return number(text, 0, lowest=0, highest=1 << 62) if text else None


def asked_id_v1(backend: Backend, request: Request, name: str) -> int | None:
    """The same for v1, which may heed no filters."""
    return asked_id(request, name) if backend.options.v1_filters else None


def _ascending(backend: Backend, request: Request) -> bool:
    """Whether a v1 list begins with the oldest: by `ordering` ("id", "-id") if that is heeded, else by the options."""
    asked = request.query_params.get("ordering") if backend.options.v1_filters else None
    return asked == "id" if asked in ("id", "-id") else backend.options.v1_order == "oldest"


def page_v1(backend: Backend, request: Request, chosen: Selection, render: Callable[[Row], dict[str, Any]]) -> Response:
    """One page of a v1 list: {count, next, previous, results}; beyond the last page is 404."""
    query = request.query_params
    size = number(query.get("page_size"), backend.options.page_size, highest=backend.options.page_limit)
    page = number(query.get("page"), 1, highest=1 << 31)
    order = "ASC" if _ascending(backend, request) else "DESC"
    with backend.store.reading() as db:
        count = db.execute(f"SELECT count(*) {chosen.source}", chosen.values).fetchone()[0]
        rows = db.execute(
            f"SELECT * {chosen.source} ORDER BY id {order} LIMIT {size:d} OFFSET {(page - 1) * size:d}",
            chosen.values,
        ).fetchall()
        results = [row_v1(backend, render(row)) for row in rows]
    if not rows and page > 1:
        raise Refused(404, "Invalid page.")

    def link(other: int) -> str:
        return f"{base_url(request)}{request.url.path}?{urlencode({**query, 'page': other, 'page_size': size})}"

    return answer(
        {
            "count": count,
            "next": link(page + 1) if page * size < count else None,
            "previous": link(page - 1) if page > 1 else None,
            "results": results,
        }
    )


def _cursor(kind: str, row_id: int) -> str:
    return base64.b64encode(f"{kind}={row_id}".encode()).decode()


def _position(cursor: str | None) -> tuple[str, int]:
    """(kind, id) of a cursor: "p" = older than id, "r" = newer than id. Raises Refused 404 where it is not ours."""
    if not cursor:
        return "p", 1 << 62
    try:
        kind, _, row_id = base64.b64decode(cursor, validate=True).decode().partition("=")
        return {"p": "p", "r": "r"}[kind], int(row_id)
    except (KeyError, ValueError, binascii.Error):
        raise Refused(404, "Invalid cursor") from None


def page_v2(backend: Backend, request: Request, chosen: Selection, render: Callable[[Row], object]) -> Response:
    """One page of a v2 list, newest first."""
    query = request.query_params
    size = number(query.get("per_page"), backend.options.page_size, highest=backend.options.page_limit)
    kind, position = _position(query.get("cursor"))
    comparison, order = ("<", "DESC") if kind == "p" else (">", "ASC")
    with backend.store.reading() as db:
        rows = db.execute(
            f"SELECT * {chosen.source} AND id {comparison} {position:d} ORDER BY id {order} LIMIT {size + 1:d}",
            chosen.values,
        ).fetchall()
        more, rows = len(rows) > size, rows[:size]
        if kind == "r":
            rows.reverse()
        results = [render(row) for row in rows]
    older = more if kind == "p" else True
    newer = more if kind == "r" else bool(query.get("cursor"))
    following = _cursor("p", rows[-1]["id"]) if rows and older else None
    previous = _cursor("r", rows[0]["id"]) if rows and newer else None
    if backend.options.envelope:
        pagination = {"next_cursor": following, "previous_cursor": previous, "per_page": size}
        return answer({"data": results, "meta": {"request_id": request_id(), "pagination": pagination}})

    def link(cursor: str | None) -> str | None:
        return f"{base_url(request)}{request.url.path}?{urlencode({**query, 'cursor': cursor})}" if cursor else None

    return answer({"next": link(following), "previous": link(previous), "results": results})
