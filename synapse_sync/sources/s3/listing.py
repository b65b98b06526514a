"""Pages of a bucket's keys, as pieces of directories.

No order of the keys is relied on: Amazon sorts them by their bytes, SeaweedFS folder by folder, directory buckets not
at all. A page is checked to be one of ours and not the last one again; a listing that ends early raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from synapse_sync.errors import SourceUnavailable
from synapse_sync.records import Directory, Observation, Untakeable
from synapse_sync.sources import object_names
from synapse_sync.sources.object_names import nanoseconds

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
        try:
            page = ask(**question)
        except (ValueError, LookupError) as error:  # botocore's, of a number, a time or an encoding that is none
            raise SourceUnavailable(_NO_LISTING, hint=_ANEW) from error
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
    """What a page holds, by directories, and the keys that are no files. Raises SourceUnavailable."""
    encoded = page.get("EncodingType") == "url"
    try:
        found = [(decoded(item["Key"], encoded=encoded), _observation(item)) for item in page.get("Contents", ())]
    except KeyError as error:
        raise SourceUnavailable(_NO_LISTING, hint=_ANEW) from error
    return object_names.pieces(found, prefix.encode())


def decoded(key: str, *, encoded: bool) -> bytes:
    """A key as a listing has it. encoded: as in a form's data ("%ED%95%9C a+b"), which every server can send."""
    if not encoded or ("%" not in key and "+" not in key):
        return key.encode()
    return unquote_to_bytes(key.replace("+", " "))


def _observation(item: dict[str, Any]) -> Observation:
    """What a listing says of an object."""
    return Observation(int(item["Size"]), nanoseconds(item["LastModified"]), 0, item.get("ETag", ""))
