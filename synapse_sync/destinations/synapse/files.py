"""Data files as the server has them: which contents are there, and whether they are what we sent (protocol §3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from synapse_sync.destinations.synapse.http.calls import VERIFY
from synapse_sync.destinations.synapse.http.errors import NO_SUCH_ADDRESS, Gone, unclear
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.errors import ContentMismatch, Rejected
from synapse_sync.records import ContentRef, Digests

Checksum = Literal["auto", "md5", "sha1"]
Lookup = Literal["verify_checksums", "data-files"]

AT_ONCE = 500
"""Contents per question: both digests of each make the 1000 entries that the server takes (protocol §2.1, 4)."""


def present(
    transport: Transport,
    contents: Sequence[Digests],
    checksum: Checksum,
    lookup: Lookup,
    told: Callable[[Iterable[str]], None] = lambda _checksums: None,
) -> dict[Digests, ContentRef]:
    """Which of `contents` the server has, under the very string that it answered.

    Where it has one under both digests, the algorithm `checksum` decides; "auto" takes SHA-1, the address that
    production's own upload route leads to. told: called with every checksum that the server has. Raises Gone where the
    server has no such lookup, and DestinationErrors.
    """
    found: dict[Digests, ContentRef] = {}
    distinct = list(dict.fromkeys(contents))
    waiting, at_once = deque(distinct), AT_ONCE
    while waiting:
        batch = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
        asked = [digest for content in batch for digest in (content.md5, content.sha1) if digest]
        try:
            known = {text.lower(): text for text in _LOOKUPS[lookup](transport, asked)}
        except Rejected:
            if len(batch) == 1:
                raise
            waiting.extendleft(reversed(batch))
            at_once = len(batch) // 2  # a server may take fewer at once than we think
            continue
        told(known)
        for content in batch:
            for digest in (content.md5, content.sha1) if checksum == "md5" else (content.sha1, content.md5):
                if digest in known:
                    found[content] = ContentRef(known[digest])
                    break
    return found


def _verified(transport: Transport, asked: Sequence[str]) -> Iterable[str]:
    """Those of these checksums that the server has, verbatim; any number up to 1000 with one question."""
    doing = f"ask which of {len(asked)} checksums the server has"
    answer = _asked(lambda: transport.call("POST", _VERIFY, doing, VERIFY, data={"checksums": asked}), doing)
    existing = answer.get("existing_checksums") if isinstance(answer, dict) else None
    if not isinstance(existing, list) or not all(isinstance(text, str) for text in existing):
        raise unclear(doing, "the answer holds no existing_checksums", change=False)
    return existing


def _looked_up(transport: Transport, asked: Sequence[str]) -> Iterable[str]:
    """The same, one question for each checksum: what v2 offers (protocol §2.2)."""
    doing = "look a checksum up"
    for digest in asked:
        rows = _asked(lambda: transport.call("GET", _DATA_FILES, doing, VERIFY, query={"checksum": digest}), doing)  # noqa: B023
        rows = rows.get("results") if isinstance(rows, dict) else rows
        if not isinstance(rows, list):
            raise unclear(doing, "the answer is no list of data files", change=False)
        yield from (
            row["checksum"]
            for row in rows
            if isinstance(row, dict) and isinstance(row.get("checksum"), str) and row["checksum"].lower() == digest
        )


def _asked(ask: Callable[[], Any], doing: str) -> Any:
    try:
        return ask()
    except Rejected as refused:
        if refused.status in NO_SUCH_ADDRESS:
            raise Gone(doing, refused) from refused
        raise


_VERIFY, _DATA_FILES = "data_files/verify_checksums/", "v2/data-files/"
_LOOKUPS: Mapping[Lookup, Callable[[Transport, Sequence[str]], Iterable[str]]] = {
    "verify_checksums": _verified,
    "data-files": _looked_up,
}


def content_ref(answer: Any, digests: Digests, doing: str) -> ContentRef:
    """The content that an upload's answer (a data file) speaks of.

    Its checksum is compared with our digest of the same length; of another length it is taken on trust, as is one that
    is no digest at all. Raises ContentMismatch, or OutcomeUnknown where the answer is no data file.
    """
    checksum = answer.get("checksum") if isinstance(answer, dict) else None
    if not isinstance(checksum, str) or not checksum:
        raise unclear(doing, "the answer holds no checksum", change=True)
    ours = {len(digests.md5): digests.md5, len(digests.sha1): digests.sha1}.get(len(checksum))
    if ours is not None and checksum.lower() != ours:
        raise ContentMismatch(
            f"could not {doing}: the server stored {checksum}, we sent {ours}",
            hint="bytes were changed on the way; nothing is registered with them, and the file is sent again",
        )
    number = answer.get("id")
    return ContentRef(checksum, number if isinstance(number, int) else None)
