"""Pages of a container's blobs, one after the other. A listing that repeats itself raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from synapse_sync.errors import SourceUnavailable
from synapse_sync.sources.azure.pages import NoPage, Page

PAGE = 5000  # names a request: the most that there are

_NO_LISTING = "what answers is no Azure Blob Storage, or not a whole answer"
_ANEW = "correct endpoint_url in [feeds.remote] if it is always so; else it is listed again later"


def pages(ask: Callable[[Mapping[str, str | int]], Page], prefix: str, *, recursive: bool) -> Iterator[Page]:
    """The pages. Metadata is asked for as well: it tells which blobs are folders. Raises SourceUnavailable."""
    question: dict[str, str | int] = {"prefix": prefix, "maxresults": PAGE, "include": "metadata"}
    if not recursive:
        question["delimiter"] = "/"
    marker = ""
    while True:
        try:
            page = ask(question)
        except NoPage as error:
            raise SourceUnavailable(_NO_LISTING, hint=_ANEW) from error
        if page.marker and page.marker == marker:
            raise SourceUnavailable("its listing repeats itself: it names the same page again", hint=_ANEW)
        yield page
        marker = page.marker
        if not marker:
            return
        question["marker"] = marker
