"""Logging in, access tokens, and who one is (protocol §1)."""

from __future__ import annotations

import secrets

from fastapi import Request, Response

from synapse_sync.devserver.auth import user_token
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer, answer_v2, is_dry_run, read_object
from synapse_sync.devserver.paging import Selection, page_v2
from synapse_sync.devserver.store import Row, now

_ME = {"id": 1, "email": "dev@example.com", "name": "devserver", "is_synapse_admin": False}


async def log_in(backend: Backend, request: Request) -> Response:
    """POST users/login/: any e-mail address with the options' password gives the user token."""
    body = await read_object(request)
    if "@" not in str(body.get("email", "")) or body.get("password") != backend.options.password:
        words = "Unable to log in with provided credentials."
        raise Refused(400, words, v1={"non_field_errors": [words]})
    return answer({"token": user_token(backend)})


async def me_v1(_backend: Backend, request: Request) -> Response:
    """GET users/me/: an echo of who is asking."""
    return answer({**_ME, "identity": request.scope["identity"].partition(":")[0]})


async def me_v2(backend: Backend, _request: Request) -> Response:
    """GET v2/users/me/."""
    return answer_v2(backend, _ME)


def _listed(row: Row) -> dict[str, object]:
    return {"id": row["id"], "description": row["description"], "last_used": row["last_used"]}


async def create_token(backend: Backend, request: Request) -> Response:
    """POST v2/tokens/: a further access token; its clear text appears in this answer only."""
    description = str((await read_object(request)).get("description", ""))
    token = f"syn_{secrets.token_urlsafe(30)}"
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        db.execute("INSERT INTO tokens (token, description, last_used) VALUES (?, ?, ?)", (token, description, now()))
        row = db.execute("SELECT * FROM tokens WHERE token = ?", (token,)).fetchone()
    return answer_v2(backend, {**_listed(row), "token": token}, 201)


async def list_tokens(backend: Backend, request: Request) -> Response:
    """GET v2/tokens/."""
    return page_v2(backend, request, Selection("tokens"), _listed)


def _find(backend: Backend, request: Request) -> Row:
    with backend.store.reading() as db:
        row: Row | None = db.execute("SELECT * FROM tokens WHERE id = ?", (request.path_params["token_id"],)).fetchone()
    if row is None:
        raise Refused(404, "No AccessToken matches the given query.")
    return row


async def show_token(backend: Backend, request: Request) -> Response:
    """GET v2/tokens/{id}/."""
    return answer_v2(backend, _listed(_find(backend, request)))


async def delete_token(backend: Backend, request: Request) -> Response:
    """DELETE v2/tokens/{id}/: it is refused from now on."""
    row = _find(backend, request)
    with backend.store.transaction(dry_run=is_dry_run(request)) as db:
        db.execute("DELETE FROM tokens WHERE id = ?", (row["id"],))
    return Response(status_code=204)


TABLE = (
    ("POST", "/users/login/", log_in),
    ("GET", "/users/me/", me_v1),
    ("GET", "/v2/users/me/", me_v2),
    ("GET", "/v2/tokens/", list_tokens),
    ("POST", "/v2/tokens/", create_token),
    ("GET", "/v2/tokens/{token_id:int}/", show_token),
    ("DELETE", "/v2/tokens/{token_id:int}/", delete_token),
)
