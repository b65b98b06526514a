"""Who is asking (protocol §1): ASGI middleware before the API, and the pages' own rule.

An access token comes as `Synapse-Access-Token`, bare or after the word "Token", a user token as `Authorization:
Token …` or `Bearer …`; both spellings are accepted on v1 and v2. The tenant header is optional and must fit when the
options name a tenant.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import refusal

_LOOPBACK = ("127.", "::1", "localhost")
_NO_TOKEN_NEEDED = ("/users/login/", "/media/")
COOKIE = "devserver-token"
"""What keeps the token of somebody who opened a page with ?token=."""


def user_token(backend: Backend) -> str:
    """The token that users/login hands out: 40 hexadecimal digits, the same for every user of this backend."""
    return hmac.digest(backend.store.secret, backend.options.token.encode(), "sha1").hex()


def signature(backend: Backend, text: str) -> str:
    """What makes a URL of ours valid without a token."""
    return hmac.digest(backend.store.secret, text.encode(), "sha256").hex()


class Authentication:
    """ASGI middleware: lets through who has a token, or who looks at the pages from this machine."""

    def __init__(self, app: ASGIApp, backend: Backend) -> None:
        self._app = app
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 403, or hand over to the application with `scope["identity"]` set."""
        if scope["type"] == "http":
            path: str = scope["path"]
            problem = self._page_problem(scope) if is_page(path) else self._api_problem(scope, path)
            if problem:
                await refusal(path, *problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _api_problem(self, scope: Scope, path: str) -> tuple[int, str] | None:
        if path.startswith(_NO_TOKEN_NEEDED):
            return None
        access = user = tenant = ""
        for name, value in scope["headers"]:
            if name == b"synapse-access-token":
                access = _last_word(value)
            elif name == b"authorization":
                user = _last_word(value)
            elif name == b"synapse-tenant":
                tenant = _last_word(value)
        if not access and not user:
            return 401, "Authentication credentials were not provided."
        identity = self._identity(access, user)
        if identity is None:
            return 401, "Invalid token."
        if tenant and self._backend.options.tenant and tenant != self._backend.options.tenant:
            return 403, "You do not have permission to perform this action in this tenant."
        scope["identity"] = identity
        return None

    def _identity(self, access: str, user: str) -> str | None:
        """Whose token this is, whatever it is at present; None = nobody's."""
        if user:
            return "user:" if hmac.compare_digest(user.encode(), user_token(self._backend).encode()) else None
        if hmac.compare_digest(access.encode(), self._backend.options.token.encode()):
            return "access:"
        with self._backend.store.reading() as db:
            row = db.execute("SELECT id FROM tokens WHERE token = ?", (access,)).fetchone()
        return row and f"access:{row['id']}"

    def _page_problem(self, scope: Scope) -> tuple[int, str] | None:
        """Pages are open on this machine; from elsewhere they want ?token=…, which the page then keeps in a cookie.

        "On this machine" is asked of the address and of the name in the URL, since a foreign page can make a browser
        believe that its own name belongs to this machine.
        """
        client = scope.get("client") or ("", 0)
        if client[0].startswith(_LOOPBACK) and (Request(scope).url.hostname or "").startswith(_LOOPBACK):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        given = given or Request(scope).cookies.get(COOKIE, "")
        if hmac.compare_digest(given.encode(), self._backend.options.token.encode()):
            return None
        return 401, "Open this page with ?token= and the server's token."


def is_page(path: str) -> bool:
    """Whether a path is one of the pages for people."""
    return path == "/" or path.startswith("/collections/")


def _last_word(header: bytes) -> str:
    """The token of a header value "Token …", "Bearer …" or just "…"."""
    return header.decode("latin-1").rpartition(" ")[2]
