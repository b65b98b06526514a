"""Shapes of answers: v1 and v2 success and errors (protocol §2.5), and how a request body is read."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException, Request, Response

from synapse_sync.devserver.backend import Backend

_CODES = {
    400: "VALIDATION_ERROR",
    401: "AUTHENTICATION_REQUIRED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    410: "GONE",
    429: "THROTTLED",
}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
    return Response(_encode(body), status, media_type="application/json")


def request_id() -> str:
    """A fresh name of this request, as v2 reports it."""
    return f"req_{secrets.token_hex(6)}"


def row_v1(backend: Backend, row: dict[str, Any]) -> dict[str, Any]:
    """A row as v1 shows it: with the time of its creation, or without where the options say so."""
    return row if backend.options.v1_created else {key: value for key, value in row.items() if key != "created"}


def reply_v1(backend: Backend, rows: Sequence[dict[str, Any]], *, one: bool = False) -> Response:
    """What v1 answers to having made these rows; to one that was not asked for in a list, just that."""
    shown = [row_v1(backend, row) for row in rows]
    if backend.options.v1_reply == "results":
        return answer({"results": shown}, 201)
    return answer(shown[0] if one and shown else shown, 201)


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
        parsed = json.loads(body)
        if b"\\ud" in body.lower():
            _encode(parsed).encode()  # half a surrogate pair is JSON, but no text that can be stored or sent
    except ValueError:
        raise Refused(400, "JSON parse error: the body is not valid JSON") from None
    return parsed


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
        return min(default, highest)
    try:
        return min(max(int(text), lowest), highest)
    except ValueError:
        raise Refused(400, f"A valid integer is required, not {text!r}") from None
