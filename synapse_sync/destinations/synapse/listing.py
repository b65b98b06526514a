"""Collections, the units of one, and which units have tasks, as the server lists them.

Protocol §2.1 rows 1, 12 and 15, §2.2.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synapse_sync.destinations.synapse.http.errors import try_later
from synapse_sync.destinations.synapse.http.moments import seconds
from synapse_sync.destinations.synapse.http.pages import Page
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.errors import DestinationError, Rejected
from synapse_sync.records import ListedUnit

PER_PAGE = {"v1": 200, "v2": 1000}
"""Rows asked for at once: those of v1 carry files and meta. A server may hand out fewer."""

_PARTS = 16

KEYS = ("data_unit_key", "sync_key")
"""What our units are recognised by in their meta."""


def units(transport: Transport, api: str, collection: int, since: float | None) -> Iterator[Sequence[ListedUnit]]:
    """The units of a collection, page by page.

    since: seconds since the epoch by the server's clock. Once a list that runs from new to old has come past it, the
    rest is left; any other list is read to its end. Raises DestinationErrors, among them Busy where the list became
    shorter while it was read: rows that moved to a page already read would be taken for missing.
    """
    doing = f"list the units of data collection {collection}"
    for page in _whole(transport, *_query(api, collection), doing, since):
        yield [_unit(row) for row in page if about(row, "data_collection") in (None, collection)]


def with_task(transport: Transport, project: int) -> Iterator[Sequence[int]]:
    """The units that have a task in the project, page by page. Raises DestinationErrors as units() does."""
    query = {"project": project, "page_size": PER_PAGE["v1"]}
    for page in _whole(transport, "sdk/tasks/", query, f"list the tasks of project {project}", None):
        units = (about(row, "data_unit") for row in page if about(row, "project") in (None, project))
        yield [unit for unit in units if unit is not None]


def collections(transport: Transport, api: str) -> Iterator[tuple[int, str]]:
    """Id and name of every data collection that we may see. Raises DestinationErrors as units() does."""
    path, size = ("v2/data-collections/", "per_page") if api == "v2" else ("data_collections/", "page_size")
    for page in _whole(transport, path, {size: PER_PAGE["v1"]}, "list the data collections", None):
        yield from ((row["id"], str(row.get("name") or "")) for row in page)


def about(row: Mapping[str, Any], name: str) -> int | None:
    """The id of what a row belongs to, as a number or an object with one; None where it doesn't tell."""
    value = row.get(name, row.get(f"{name}_id"))
    value = value.get("id") if isinstance(value, Mapping) else value
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else None


def _query(api: str, collection: int) -> tuple[str, dict[str, Any]]:
    if api == "v2":
        return "v2/data-units/", {"data_collection": collection, "per_page": PER_PAGE[api]}
    return "data_units/", {"data_collection": collection, "page_size": PER_PAGE[api], "expand": "files"}


def _whole(
    transport: Transport, path: str, query: Mapping[str, Any], doing: str, since: float | None
) -> Iterator[list[Mapping[str, Any]]]:
    """The rows of all pages. Memory holds eight bytes a row: a collection may have millions."""
    seen = array("q")
    most = 0
    first = latest = math.inf
    for page in _pages(transport, path, query, doing):
        rows = [row for row in page.rows if isinstance(row, Mapping) and isinstance(row.get("id"), int)]
        yield rows
        for created in map(_created, rows):
            latest = created if created is not None and created <= latest else -math.inf
            first = latest if first == math.inf else first
        # Units made with one request may all have one time: only what has become older runs from new to old.
        come_past = since is not None and -math.inf < latest < min(since, first)
        if page.total is not None:
            seen.extend(row["id"] for row in rows)
            most = max(most, page.total)
            at_the_end = come_past or page.following is None
            if at_the_end and (page.total < most or (not come_past and _distinct(seen) < page.total)):
                raise _changed(doing)
        if come_past:
            return


def _distinct(numbers: array[int]) -> int:
    """How many different ones there are, counted by parts: a set of all of them would be large."""
    return sum(len({number for number in numbers if number % _PARTS == part}) for part in range(_PARTS))


def _pages(transport: Transport, path: str, query: Mapping[str, Any], doing: str) -> Iterator[Page]:
    """The pages. Raises Busy where one that the page before led to is gone, and where they have no end."""
    led_to: set[tuple[tuple[str, str], ...]] = set()
    try:
        for page in transport.pages(path, doing, query):
            following = tuple(sorted((page.following or {}).items()))
            if following in led_to:
                raise try_later(doing, "the server hands out the same pages again and again")
            led_to.add(following)
            yield page
    except Rejected as refused:
        if not led_to or refused.status != 404:
            raise
        raise _changed(doing) from refused


def _changed(doing: str) -> DestinationError:
    return try_later(doing, "the list changed while it was read")


def _unit(row: Mapping[str, Any]) -> ListedUnit:
    key = sync_key = None
    if "meta" in row:
        meta = row["meta"] if isinstance(row["meta"], Mapping) else {}
        key, sync_key = (_text(meta.get(name)) for name in KEYS)
    return ListedUnit(row["id"], _created(row), _files(row.get("files")), key, sync_key)


def _files(shown: Any) -> Mapping[str, str] | None:
    """Spec to checksum; None unless each file shows its own."""
    if not isinstance(shown, Mapping) or not shown:
        return None
    sums = {
        spec: file["checksum"].lower()
        for spec, file in shown.items()
        if isinstance(file, Mapping) and isinstance(file.get("checksum"), str)
    }
    return sums if len(sums) == len(shown) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _created(row: Mapping[str, Any]) -> float | None:
    return seconds(row.get("created", row.get("created_at")))
