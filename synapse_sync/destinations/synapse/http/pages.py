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
    """The page in an answer's JSON; None where it is no list, or one whose next page can't be told."""
    if isinstance(value, list):
        return Page(value)
    if not isinstance(value, Mapping):
        return None
    total = None
    if isinstance(value.get("data"), list):
        meta = value.get("meta")
        pagination = meta.get("pagination") if isinstance(meta, Mapping) else None
        rows, link = value["data"], pagination.get("next_cursor") if isinstance(pagination, Mapping) else None
    elif isinstance(value.get("results"), list):
        rows, link = value["results"], value.get("next")
        total = value["count"] if isinstance(value.get("count"), int) else None
    else:
        return None
    if not link:
        return Page(rows, None, total)
    try:
        return Page(rows, _following(link), total) if isinstance(link, str) else None
    except ValueError:
        return None


def _following(link: str) -> Mapping[str, str]:
    """The query that `link`, an absolute URL or a bare cursor, asks for. Raises ValueError where it is neither."""
    if "://" in link or link.startswith(("/", "?")):
        if query := dict(parse_qsl(urlsplit(link).query)):
            return query
        if "://" in link:
            raise ValueError("no query")
    return {"cursor": link}
