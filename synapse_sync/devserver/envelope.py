"""Shapes of answers: v1 and v2 success, paging and errors (protocol §2.5), and how a request body is read."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import HTTPException, Request, Response

from synapse_sync.devserver.backend import Backend, base_url
from synapse_sync.devserver.store import Row

_CODES = {
    400: "VALIDATION_ERROR",
    401: "AUTHENTICATION_REQUIRED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    410: "GONE",
    429: "THROTTLED",
}


class Refused(HTTPException):
    """An answer of 4xx: v2 shows `message`, `code` and `problems` (field, message), v1 `v1` or {"detail": message}."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        problems: Sequence[tuple[str, str]] = (),
        v1: object = None,
    ) -> None:
        super().__init__(status, message)
        self.message = message
        self.code = code
        self.problems = problems
        self.v1 = v1


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer as it is."""
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")), status, media_type="application/json")


def request_id() -> str:
    """A fresh name of this request, as v2 reports it."""
    return f"req_{secrets.token_hex(6)}"


def answer_v2(backend: Backend, body: object, status: int = 200) -> Response:
    """A v2 success: in the envelope, or bare where the options say so."""
    if backend.options.envelope:
        body = {"data": body, "meta": {"request_id": request_id()}}
    return answer(body, status)


def refusal(path: str, status: int, message: str, refused: Refused | None = None) -> Response:
    """An error in the shape of the API that the path belongs to."""
    if not path.startswith("/v2/"):
        return answer({"detail": message} if refused is None or refused.v1 is None else refused.v1, status)
    problems = refused.problems if refused else ()
    details = [{"field": field, "message": text} for field, text in problems] or None
    code = (refused.code if refused else "") or _CODES.get(status, "ERROR")
    return answer(
        {"error": {"code": code, "message": message, "details": details}, "meta": {"request_id": request_id()}}, status
    )


async def read_json(request: Request) -> Any:
    """The request's JSON body. Raises Refused 400 where it is none."""
    body = await request.body()
    try:
        return json.loads(body)
    except ValueError:
        raise Refused(400, "JSON parse error: the body is not valid JSON") from None


async def read_object(request: Request) -> dict[str, Any]:
    """The request's JSON body, which must be an object. Raises Refused 400."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(400, "Invalid data. Expected a dictionary.")
    return body


def is_dry_run(request: Request) -> bool:
    """Whether the caller only wants to know whether the request would succeed."""
    return request.query_params.get("dry_run", "").lower() in ("1", "true")


def number(text: str | None, default: int, *, lowest: int = 1, highest: int = 10_000) -> int:
    """A whole number from the query, kept within bounds; `default` where there is none. Raises Refused 400."""
    if not text:
        return default
    try:
        return min(max(int(text), lowest), highest)
    except ValueError:
        raise Refused(400, f"A valid integer is required, not {text!r}") from None


def page_v1(
    backend: Backend, request: Request, source: str, parameters: Sequence[object], render: Callable[[Row], object]
) -> Response:
    """One page of a v1 list: {count, next, previous, results}; beyond the last page is 404.

    `source` is "FROM … WHERE …" over a table with an `id`; newest first, `ordering=id` turns it round.
    """
    query = request.query_params
    size = number(query.get("page_size"), backend.options.page_size)
    page = number(query.get("page"), 1, highest=1 << 31)
    order = "ASC" if query.get("ordering") == "id" else "DESC"
    with backend.store.reading() as db:
        count = db.execute(f"SELECT count(*) {source}", parameters).fetchone()[0]
        rows = db.execute(
            f"SELECT * {source} ORDER BY id {order} LIMIT {size:d} OFFSET {(page - 1) * size:d}",
            parameters,
        ).fetchall()
        results = [render(row) for row in rows]
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


def page_v2(
    backend: Backend, request: Request, source: str, parameters: Sequence[object], render: Callable[[Row], object]
) -> Response:
    """One page of a v2 list, newest first, with opaque cursors; `source` is "FROM … WHERE …"."""
    size = number(request.query_params.get("per_page"), backend.options.page_size)
    kind, position = _position(request.query_params.get("cursor"))
    comparison, order = ("<", "DESC") if kind == "p" else (">", "ASC")
    with backend.store.reading() as db:
        rows = db.execute(
            f"SELECT * {source} AND id {comparison} {position:d} ORDER BY id {order} LIMIT {size + 1:d}",
            parameters,
        ).fetchall()
        more, rows = len(rows) > size, rows[:size]
        if kind == "r":
            rows.reverse()
        results = [render(row) for row in rows]
    older = more if kind == "p" else True
    newer = more if kind == "r" else bool(request.query_params.get("cursor"))
    following = _cursor("p", rows[-1]["id"]) if rows and older else None
    previous = _cursor("r", rows[0]["id"]) if rows and newer else None
    if backend.options.envelope:
        pagination = {"next_cursor": following, "previous_cursor": previous, "per_page": size}
        return answer({"data": results, "meta": {"request_id": request_id(), "pagination": pagination}})

    def link(cursor: str | None) -> str | None:
        parameters = {**request.query_params, "cursor": cursor}
        return f"{base_url(request)}{request.url.path}?{urlencode(parameters)}" if cursor else None

    return answer({"next": link(following), "previous": link(previous), "results": results})
