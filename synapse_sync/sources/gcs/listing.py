"""Pages of a bucket's keys, as pieces of directories.

A page is checked to be one of ours and not the last one again; a listing that ends early raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources import object_names
from synapse_sync.sources.object_names import nanoseconds
from synapse_sync.sources.versions import token_of

PAGE = 1000  # keys a request: the most that there are

FIELDS = "kind,nextPageToken,items(name,size,generation,md5Hash,timeCreated)"
"""All that is asked for. An empty page without `kind` would be an empty answer."""

_NO_LISTING = "what answers is no Google Cloud Storage, or not a whole answer"
_ANEW = "correct endpoint_url in [feeds.remote] if it is always so; else it is listed again later"


def pages(ask: Callable[[dict[str, str | int]], dict[str, Any]], prefix: str, *, recursive: bool) -> Iterator[Any]:
    """The answers, one after the other. Raises SourceUnavailable where one is none of a listing."""
    question: dict[str, str | int] = {"prefix": prefix, "maxResults": PAGE, "fields": FIELDS}
    if not recursive:
        question["delimiter"] = "/"
    token = ""
    while True:
        page = ask(question)
        if page.get("kind") != "storage#objects":
            raise SourceUnavailable(_NO_LISTING, hint=_ANEW)
        yield page
        before, token = token, page.get("nextPageToken", "")
        if not token:
            return
        if token == before:
            raise SourceUnavailable("its listing repeats itself: it names the same page again", hint=_ANEW)
        question["pageToken"] = token


def pieces(page: dict[str, Any], prefix: str) -> Iterator[Directory | Untakeable]:
    """What a page holds, by directories, and the keys that are no files. Raises SourceUnavailable."""
    try:
        found = [(item["name"].encode(), _observation(item)) for item in page.get("items", ())]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceUnavailable(_NO_LISTING, hint=_ANEW) from error
    return object_names.pieces(found, prefix.encode())


def _observation(item: dict[str, str]) -> Observation:
    """What a listing says of an object: its generation (another one for each content), its MD5, and since when it is.

    Not `updated`: that is also the time of a change of what is said about the object.
    """
    moment = datetime.fromisoformat(item["timeCreated"])
    token = token_of(str(int(item["generation"])), item.get("md5Hash", ""))
    return Observation(int(item["size"]), nanoseconds(moment), 0, token)
