"""v1: storages, and the sessions by which a client reads from them itself (protocol §2.1 rows 16 to 18).

The storage that files are sent to is number 1; others are made with DevServer.create_storage. None of them is looked
into here: their configuration says where they are, and with which credentials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request, Response

from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import Refused, answer, read_object
from synapse_sync.devserver.store import Database, Row

SECRETS = frozenset(
    {"access_key", "secret_key", "credentials", "password", "private_key", "private_key_passphrase", "otp_code"}
)
"""What of a configuration is told to nobody where credentials are managed separately (§9)."""

FIRST = 11
"""Id of the first storage that is made: as in the upload workflow's examples."""

_CODES = {
    "provider_unsupported": "This provider has no sessions.",
    "credential_not_registered": "No credential is registered for this storage.",
    "expired": "The storage's credential has expired.",
}


def create_storage(db: Database, name: str, provider: str, configuration: Mapping[str, Any]) -> int:
    """Make a storage that files are read from and return its id."""
    number = max(FIRST, db.execute("SELECT coalesce(max(id), 0) + 1 FROM storages").fetchone()[0])
    db.execute("INSERT INTO storages VALUES (?, ?, ?, ?)", (number, name, provider, json.dumps(configuration)))
    return int(number)


def change_storage(db: Database, number: int, name: str, provider: str, configuration: Mapping[str, Any]) -> None:
    """Give a storage that was made another name, place or credentials."""
    db.execute(
        "UPDATE storages SET name = ?, provider = ?, configuration = ? WHERE id = ?",
        (name, provider, json.dumps(configuration), number),
    )


async def list_storages(backend: Backend, request: Request) -> Response:
    """GET storages/?category=internal: a plain list."""
    category = request.query_params.get("category")
    with backend.store.reading() as db:
        made = db.execute("SELECT * FROM storages ORDER BY id").fetchall()
    found = [_default(backend), *map(_described, made)]
    return answer([storage for storage in found if category in (None, storage["category"])])


async def show_storage(backend: Backend, request: Request) -> Response:
    """GET storages/{id}/?with_configuration=true."""
    storage, configuration = _of(backend, request)
    if request.query_params.get("with_configuration") == "true":
        told = backend.options.storage_secrets
        storage["configuration"] = {key: value for key, value in configuration.items() if told or key not in SECRETS}
    return answer(storage)


async def open_session(backend: Backend, request: Request) -> Response:
    """POST storages/{id}/session/; the default storage's has no credentials, since it takes signed URLs only."""
    storage, configuration = _of(backend, request)
    if (await read_object(request)).get("purpose") not in ("read", "write"):
        raise Refused(400, "purpose", v1={"purpose": ["Must be read or write."]})
    code = backend.options.session_code
    if storage["is_default"]:
        code = "" if storage["provider"] in ("amazon_s3", "minio") else "provider_unsupported"
    if code:
        raise Refused(400, code, v1={"code": code, "detail": _CODES[code]})
    session = {"provider": storage["provider"], "configuration": configuration, "contract_version": 1}
    if lasts := backend.options.session_seconds:
        session["expires_at"] = (datetime.now(UTC) + timedelta(seconds=lasts)).isoformat()
    return answer(session)


def _of(backend: Backend, request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """A storage without its configuration, and that. Raises Refused 404."""
    number = request.path_params["storage_id"]
    if number == 1:
        return _default(backend), {"bucket_name": "devserver"}
    with backend.store.reading() as db:
        row = db.execute("SELECT * FROM storages WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise Refused(404, "No Storage matches the given query.")
    return _described(row), json.loads(row["configuration"])


def _default(backend: Backend) -> dict[str, Any]:
    about = {"id": 1, "name": "devserver", "category": "internal", "provider": backend.options.provider}
    return {**about, "configuration": {}, "is_default": True}


def _described(row: Row) -> dict[str, Any]:
    about = {"id": row["id"], "name": row["name"], "category": "external", "provider": row["provider"]}
    return {**about, "configuration": {}, "is_default": False}


TABLE = (
    ("GET", "/storages/", list_storages),
    ("GET", "/storages/{storage_id:int}/", show_storage),
    ("POST", "/storages/{storage_id:int}/session/", open_session),
)
