"""Data files as the server has them: which contents are there, and whether they are what we sent (protocol §3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from synapse_sync.destinations.synapse.calls import VERIFY
from synapse_sync.destinations.synapse.errors import unclear
from synapse_sync.destinations.synapse.transport import Transport
from synapse_sync.errors import ContentMismatch
from synapse_sync.records import ContentRef, Digests

Checksum = Literal["auto", "md5", "sha1"]

AT_ONCE = 500
"""Contents per question: both digests of each make the 1000 entries that the server takes (protocol §2.1, 4)."""


def present(transport: Transport, contents: Sequence[Digests], checksum: Checksum) -> dict[Digests, ContentRef]:
    """Which of `contents` the server has, under the very string that it answered.

    Where it has one under both digests, the algorithm `checksum` decides; "auto" takes SHA-1, the address that
    production's own upload route leads to. Raises DestinationError.
    """
    found: dict[Digests, ContentRef] = {}
    distinct = list(dict.fromkeys(contents))
    for start in range(0, len(distinct), AT_ONCE):
        batch = distinct[start : start + AT_ONCE]
        known = {text.lower(): text for text in _existing(transport, batch)}
        for content in batch:
            for digest in (content.md5, content.sha1) if checksum == "md5" else (content.sha1, content.md5):
                if digest in known:
                    found[content] = ContentRef(known[digest])
                    break
    return found


def _existing(transport: Transport, batch: Sequence[Digests]) -> Iterable[str]:
    """The server's answer for one batch, verbatim."""
    doing = f"ask which of {len(batch)} contents the server has"
    asked = [digest for content in batch for digest in (content.md5, content.sha1)]
    answer = transport.call("POST", "data_files/verify_checksums/", doing, VERIFY, data={"checksums": asked})
    existing = answer.get("existing_checksums") if isinstance(answer, dict) else None
    if not isinstance(existing, list) or not all(isinstance(text, str) for text in existing):
        raise unclear(doing, "the answer holds no existing_checksums", change=False)
    return existing


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
