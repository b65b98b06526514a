"""A data collection's specs and meta schema, as v1 and v2 describe them (protocol §5); v2's with what v1 shows beside.

Both are asked at the same time: what a run waits for at its beginning is the way to the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from synapse_sync.destinations.synapse.http.errors import unclear
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.errors import CollectionUnusable, DestinationError, Rejected, TokenRefused
from synapse_sync.records import Collection, Spec

Extensions = Mapping[str, tuple[str, ...]]
"""File type → the extensions that it allows."""


def fetch(transport: Transport, api: str, number: int) -> Collection:
    """The collection `number` as it is now. Raises CollectionUnusable where it isn't there or has no specs."""
    if api == "v1":
        return _fetched(transport, number, "data_collections", _EXPANDED)
    with ThreadPoolExecutor(1, thread_name_prefix="collection") as beside:
        shown_by_v1 = beside.submit(_shown_by_v1, transport, number)
        return _fetched(transport, number, "v2/data-collections", None, shown_by_v1.result)


def _fetched(
    transport: Transport,
    number: int,
    path: str,
    query: Mapping[str, str] | None,
    shown_by_v1: Callable[[], Mapping[str, Mapping[str, Any]]] = dict,
) -> Collection:
    doing = f"open data collection {number}"
    try:
        answer = transport.call("GET", f"{path}/{number}/", doing, query=query)
    except (Rejected, TokenRefused) as refused:
        if refused.status in (403, 404):
            raise CollectionUnusable(refused.message, hint=_HINT, status=refused.status) from refused
        raise
    if not isinstance(answer, dict):
        raise unclear(doing, "the answer is no data collection", change=False)
    described = answer.get("file_specifications")
    if not isinstance(described, list) or not described or not all(isinstance(item, dict) for item in described):
        raise CollectionUnusable(f"data collection {number} has no file specifications", hint="add them in Synapse")
    v1 = shown_by_v1()
    described = [item | v1.get(str(item.get("name")), {}) for item in described]
    complete = all("extensions" in item for item in described)
    by_type = {} if complete else _extensions_by_type(transport)
    return parse_collection(number, {**answer, "file_specifications": described}, by_type)


def parse_collection(number: int, answer: Mapping[str, Any], by_type: Extensions) -> Collection:
    """The collection in an answer of either API; `by_type` is used for specs that name no extensions of their own."""
    meta = answer.get("meta")
    schema = meta.get("data_unit_meta_schema") if isinstance(meta, Mapping) else None
    return Collection(
        id=number,
        name=str(answer.get("name") or ""),
        specs=tuple(_spec(item, by_type) for item in answer["file_specifications"]),
        meta_schema=schema if isinstance(schema, Mapping) else None,
    )


def _spec(item: Mapping[str, Any], by_type: Extensions) -> Spec:
    """One file specification; what is missing means no restriction (but required, as both APIs have it)."""
    file_type = str(item.get("file_type") or "")
    own = item.get("extensions")
    return Spec(
        name=str(item.get("name") or ""),
        file_type=file_type,
        extensions=_extensions(own) if isinstance(own, list) else by_type.get(file_type, ()),
        required=bool(item.get("is_required", True)),
        sequential=bool(item.get("is_sequential", False)),
    )


def _shown_by_v1(transport: Transport, number: int) -> Mapping[str, Mapping[str, Any]]:
    """The type and extensions that v1 shows of each spec, by its name: v2 knows the extensions of whole types only."""
    doing = f"learn the extensions of data collection {number}"
    try:
        answer = transport.call("GET", f"data_collections/{number}/", doing, query=_EXPANDED)
    except DestinationError as refused:
        if refused.status == 401:
            raise  # no answer about extensions: the token has been replaced
        if isinstance(refused, (Rejected, TokenRefused)) or refused.status == 404:  # there may be no v1 any more
            return {}
        raise
    shown = answer.get("file_specifications") if isinstance(answer, dict) else None
    kept = ("file_type", "extensions")
    return {
        str(item.get("name")): {key: value for key, value in item.items() if key in kept}
        for item in (shown if isinstance(shown, list) else ())
        if isinstance(item, dict)
    }


def _extensions(listed: Iterable[Any]) -> tuple[str, ...]:
    """Extensions in lowercase with their leading dot: v2 lists "jpg", v1 ".jpg"."""
    texts = (str(entry).strip().lower().lstrip("*.") for entry in listed)
    return tuple(dict.fromkeys(f".{text}" for text in texts if text))


def _extensions_by_type(transport: Transport) -> Extensions:
    """What each file type allows, from v2; nothing where the server has no such list (then nothing is restricted)."""
    try:
        answer = transport.call("GET", "v2/schemas/file-specifications/", "learn the file types' extensions")
    except DestinationError as refused:
        if refused.status == 404 or isinstance(refused, TokenRefused):  # the collection itself was just readable
            return {}
        raise
    types = answer.get("file_types") if isinstance(answer, dict) else None
    return {
        str(name): _extensions(entry["extensions"])
        for name, entry in (types.items() if isinstance(types, dict) else ())
        if isinstance(entry, dict) and isinstance(entry.get("extensions"), list)
    }


_EXPANDED = {"expand": "file_specifications"}
_HINT = "check data_collection of the feed, and that the token and tenant may read it"
