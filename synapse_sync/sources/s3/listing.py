"""Pages of a bucket's keys, as pieces of directories.

No order of the keys is relied on: Amazon sorts them by their bytes, SeaweedFS folder by folder, directory buckets not
at all. A page is checked to be one of ours and not the last one again; a listing that ends early raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.shown import shown
from synapse_sync.sources.s3.keys import NoFile, decoded, meaning

PAGE = 1000  # keys a request: the most that there are

_NO_LISTING = "what answers is no S3 service, or not a whole answer"
_ANEW = "correct endpoint_url in [feeds.remote] if it is always so; else it is listed again later"


def pages(ask: Callable[..., dict[str, Any]], bucket: str, prefix: str, *, recursive: bool) -> Iterator[dict[str, Any]]:
    """The answers of list_objects_v2 (ask), one after the other. Raises SourceUnavailable where one is none."""
    question: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": PAGE, "EncodingType": "url"}
    if not recursive:
        question["Delimiter"] = "/"
    token = ""
    while True:
        page = ask(**question)
        if "IsTruncated" not in page:  # an answer without any of it reads like an empty listing
            raise SourceUnavailable(_NO_LISTING, hint=_ANEW)
        yield page
        if not page["IsTruncated"]:
            return
        before, token = token, page.get("NextContinuationToken", "")
        if not token or token == before:
            raise SourceUnavailable("its listing breaks off: it names no next page", hint="it is listed again later")
        question["ContinuationToken"] = token


def pieces(page: dict[str, Any], prefix: str) -> Iterator[Directory | Untakeable]:
    """What a page holds, by directories, and the keys that are no files."""
    encoded = page.get("EncodingType") == "url"
    start = prefix.encode()
    found: dict[bytes, Directory] = {}
    for item in page.get("Contents", ()):
        key, size = decoded(item["Key"], encoded=encoded), int(item["Size"])
        if not key.startswith(start):
            yield Untakeable(shown(key), "it was not asked for: the service lists what lies outside of the prefix", "")
            continue
        means = meaning(key, start, size)
        if isinstance(means, NoFile):
            if means.reason:
                yield Untakeable(shown(key[len(start) :]), means.reason, means.remedy)
            continue
        directory = found.get(means.directory)
        if directory is None:
            directory = found[means.directory] = Directory(means.directory, 0, {}, whole=False)
        directory.files[means.name] = _observation(item, size)
    yield from found.values()


def _observation(item: dict[str, Any], size: int) -> Observation:
    """What a listing says of an object; its time is the service's, and only ever compared with itself."""
    modified = item["LastModified"]
    since = int(modified.timestamp()) * 1_000_000_000 + modified.microsecond * 1000
    return Observation(size, since, 0, item.get("ETag", ""))
