"""Presigned URLs, the API's side: places are issued before sending, and confirmed after it (protocol §2.3, §4.4, §4.5).

The server decides by size whether a place takes one PUT or several parts. What a place is reached by are secrets.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from synapse_sync.destinations.base import Api
from synapse_sync.destinations.synapse.files import content_ref
from synapse_sync.destinations.synapse.http.calls import CONFIRM, ISSUE, by_halves
from synapse_sync.destinations.synapse.http.errors import NO_SUCH_ADDRESS, try_later, unclear
from synapse_sync.destinations.synapse.http.moments import seconds
from synapse_sync.destinations.synapse.http.transport import Transport
from synapse_sync.destinations.synapse.upload.storage import Target, target_of
from synapse_sync.errors import DestinationError, OutcomeUnknown, Rejected
from synapse_sync.records import ContentRef, Digests

ISSUED: Mapping[Api, str] = {
    "v1": "data_files/presigned_upload/upload/",
    "v2": "v2/data-collections/{collection}/upload-urls/",
}
CONFIRMED: Mapping[Api, str] = {
    "v1": "data_files/presigned_upload/confirm_upload/",
    "v2": "v2/data-collections/{collection}/finalize-upload/",
}

_LONGEST_NAME = 255
_SHORTEST_LIFE, _LONGEST_LIFE = 900, 86400
_SLOW = 1_000_000  # bytes per second that a line is trusted to send when nothing is known of it
_NO_PRESIGN = frozenset({400, 501}) | NO_SUCH_ADDRESS
"""What a server answers that can't issue such URLs, for its storage or its age (protocol §4.1)."""


class Place(NamedTuple):
    """Where one content goes: `url` for one PUT, or `parts` (number from 1 to URL) of part_size bytes each.

    target is what `url` leads to, where it was just issued; upload_id is "" for one PUT; expires is in seconds since
    the epoch by our clock.
    """

    file_key: str
    expires: float
    url: str = ""
    upload_id: str = ""
    part_size: int = 0
    parts: Mapping[int, str] = {}
    target: Target | None = None


class Sent(NamedTuple):
    """A content that stands in its place, with the ETag of each part; one PUT is part 1."""

    name: str
    digests: Digests
    file_key: str
    upload_id: str
    etags: Mapping[int, str]


class Presigned:
    """The calls that issue and confirm, through the API that offers them, for contents of one data collection.

    no_longer: called when the server turns out to issue no such URLs any more.
    """

    def __init__(
        self, transport: Transport, api: Api, collection: int, no_longer: Callable[[], None] = lambda: None
    ) -> None:
        self._transport = transport
        self._no_longer = no_longer
        self._issue_path = ISSUED[api].format(collection=collection)
        self._confirm_path = CONFIRMED[api].format(collection=collection)

    def offered(self) -> bool | None:
        """Whether the server issues such URLs, by asking for one; None where only a page that is not its own says no.

        Raises DestinationError where that stays open.
        """
        try:
            (place,) = self._issue([("probe.bin", 1)])
        except DestinationError as refused:
            if refused.status not in _NO_PRESIGN or (refused.status == 400 and not isinstance(refused, Rejected)):
                raise
            return False if isinstance(refused, Rejected) or refused.status == 501 else None
        if isinstance(place, DestinationError):
            raise place
        return True

    def issue(self, files: Sequence[tuple[str, int]]) -> list[Place | DestinationError]:
        """A place for each file (name and size in bytes), in order. Raises errors that concern all of them."""
        places = by_halves(self._issue, files, lambda refused: refused)
        refused = [place for place in places if isinstance(place, Rejected) and place.status in _NO_PRESIGN]
        if len(refused) < len(files) or self.offered() is not False:
            return places
        self._no_longer()
        why = "the server no longer issues any; it goes up another way"
        return [try_later(f"get a presigned URL for {name}", why) for name, _ in files]

    def confirm(self, sent: Sequence[Sent], algorithm: Literal["md5", "sha1"]) -> list[ContentRef | DestinationError]:
        """What the server calls each content, in order. Raises errors that concern all of them.

        OutcomeUnknown: it may be confirmed, and confirming it again is safe (protocol §4.5).
        """
        return by_halves(lambda some: self._confirm(some, algorithm), sent, lambda refused: refused)

    def _issue(self, files: Sequence[tuple[str, int]]) -> list[Place | DestinationError]:
        asked = [{"filename": name[-_LONGEST_NAME:], "size": size} for name, size in files]
        lasts = min(max(2 * sum(size for _, size in files) // _SLOW, _SHORTEST_LIFE), _LONGEST_LIFE)
        doing = f"get presigned URLs for {len(files)} files"
        data = {"files": asked, "expiration": lasts}
        answer = self._transport.call("POST", self._issue_path, doing, ISSUE, data=data)
        rows = answer.get("files") if isinstance(answer, Mapping) else None
        if not isinstance(rows, list) or len(rows) != len(files):
            raise unclear(doing, "the answer does not hold as many URLs as were asked for", change=False)
        expires = self._expires(answer.get("expires_at"))
        matched = _matched([str(entry["filename"]) for entry in asked], rows)
        return [self._place(row, entry, expires) for row, entry in zip(matched, asked, strict=True)]

    def _expires(self, text: Any) -> float:
        told = seconds(text)
        return time.time() + _SHORTEST_LIFE if told is None else told - self._transport.skew

    def _place(self, row: Any, asked: Mapping[str, Any], expires: float) -> Place | DestinationError:
        """The place in one row; an entry that is not what was asked for concerns its file alone."""
        doing = f"get a presigned URL for {asked['filename']}"
        if not isinstance(row, Mapping) or not row.get("file_key"):
            return try_later(doing, "the answer is about another file")
        several, url = row.get("multipart"), row.get("presigned_url")
        try:
            if isinstance(several, Mapping):
                return self._several(str(row["file_key"]), several, asked["size"], expires, doing)
            if not isinstance(url, str) or not url:
                return try_later(doing, "the server issued none")
            return Place(str(row["file_key"]), expires, url=url, target=target_of(url, doing))
        except DestinationError as no_url:
            return no_url

    def _several(
        self, file_key: str, several: Mapping[str, Any], size: int, expires: float, doing: str
    ) -> Place | DestinationError:
        part_size, listed, upload_id = several.get("part_size"), several.get("parts"), several.get("upload_id")
        if not isinstance(part_size, int) or part_size < 1 or not isinstance(listed, list) or not upload_id:
            return try_later(doing, "the answer holds no parts")
        count = -(-size // part_size)
        urls = {str(part.get("part_number")): part.get("presigned_url") for part in listed if isinstance(part, Mapping)}
        if len(listed) != count or urls.keys() != {str(number) for number in range(1, count + 1)}:
            return try_later(doing, f"{len(listed)} parts of {part_size} bytes do not make {size} bytes")
        parts = {number: str(urls[str(number)]) for number in range(1, count + 1)}
        for url in parts.values():
            target_of(url, doing)
        return Place(file_key, expires, upload_id=str(upload_id), part_size=part_size, parts=parts)

    def _confirm(self, sent: Sequence[Sent], algorithm: Literal["md5", "sha1"]) -> list[ContentRef | DestinationError]:
        doing = f"confirm {sent[0].name}" if len(sent) == 1 else f"confirm {len(sent)} files"
        files = [_described(one, algorithm) for one in sent]
        answer = self._transport.call("POST", self._confirm_path, doing, CONFIRM, data={"files": files})
        results = answer.get("results") if isinstance(answer, Mapping) else None
        if not isinstance(results, list):
            raise unclear(doing, "the answer holds no results", change=True)
        by_key = {str(row.get("file_key")): row for row in results if isinstance(row, Mapping)}
        return [_confirmed(one, by_key.get(one.file_key)) for one in sent]


def _matched(names: Sequence[str], rows: Sequence[Any]) -> list[Any]:
    """The row of each file: under its name in whatever order, else at its place where no other file has that name.

    A server may change names on their way into its storage; None for a file whose row speaks of another one.
    """
    told = [str(row.get("filename")) if isinstance(row, Mapping) else "" for row in rows]
    if sorted(told) != sorted(names):
        others = set(names)
        places = zip(names, told, rows, strict=True)
        return [row if name == name_told or name_told not in others else None for name, name_told, row in places]
    left: dict[str, deque[Any]] = defaultdict(deque)
    for name, row in zip(told, rows, strict=True):
        left[name].append(row)
    return [left[name].popleft() for name in names]


def _described(sent: Sent, algorithm: Literal["md5", "sha1"]) -> dict[str, Any]:
    checksum = sent.digests.md5 if algorithm == "md5" else sent.digests.sha1
    described: dict[str, Any] = {"file_key": sent.file_key, "checksum": checksum, "size": sent.digests.size}
    if sent.upload_id:
        parts = [{"part_number": number, "etag": tag} for number, tag in sorted(sent.etags.items())]
        described["multipart"] = {"upload_id": sent.upload_id, "parts": parts}
    return described


def _confirmed(sent: Sent, result: Any) -> ContentRef | DestinationError:
    """One result; HTTP 200 may hold failures (protocol §2.3)."""
    doing = f"confirm {sent.name}"
    if result is None:
        return OutcomeUnknown(f"could not learn the outcome of: {doing}: the answer does not speak of it")
    if result.get("success") is not True:
        return try_later(doing, f"the server refuses what was sent: {result.get('error') or 'no reason given'}")
    try:
        return content_ref({**result, "id": result.get("data_file_id")}, sent.digests, doing)
    except DestinationError as error:
        return error
