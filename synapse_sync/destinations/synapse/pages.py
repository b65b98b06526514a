"""Lists in pages, in whichever of their shapes they come (protocol §2.5). Pure.

v1            {"count", "next": absolute URL, "previous", "results": […]}
v2            {"data": […], "meta": {"pagination": {"next_cursor": opaque}}}
v2, older     {"next", "previous", "results": […]}
no pages      […]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Page(NamedTuple):
    """Rows, the query of the page that follows (None at the end), and how many rows there are in all, where told.

    Of an absolute URL only the query is taken: it may lead to another host, and our token goes to ours alone (§1).
    """

    rows: Sequence[Any]
    following: Mapping[str, str] | None = None
    total: int | None = None


def page_in(value: Any) -> Page | None:
    """The page in an answer's JSON; None where it is no list."""
    if isinstance(value, list):
        return Page(value)
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("data"), list):
        meta = value.get("meta")
        pagination = meta.get("pagination") if isinstance(meta, Mapping) else None
        cursor = pagination.get("next_cursor") if isinstance(pagination, Mapping) else None
        return Page(value["data"], _following(cursor))
    if not isinstance(value.get("results"), list):
        return None
    count = value.get("count")
    return Page(value["results"], _following(value.get("next")), count if isinstance(count, int) else None)


def _following(link: Any) -> Mapping[str, str] | None:
    """The query that `link`, an absolute URL or a bare cursor, asks for."""
    if not isinstance(link, str) or not link:
        return None
    if "://" in link or link.startswith(("/", "?")):
        return dict(parse_qsl(urlsplit(link).query)) or None
    return {"cursor": link}
