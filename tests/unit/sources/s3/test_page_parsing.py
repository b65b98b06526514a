"""Keys that are taken out of an answer are what botocore itself would have made of it, whatever the answer is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import Remote
from synapse_sync.sources.s3.client import connect
from synapse_sync.sources.s3.page_parsing import EVENT, take_keys_out

KEY = "<Key>{}</Key><Size>12</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;e&quot;</ETag>"
HEAD = "<IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>"
SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

letters = st.characters(exclude_categories=["Cs", "Cc"])  # what XML can hold


class Sent:
    """A body that was sent."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self) -> Iterator[bytes]:
        yield self.body


class Client:
    """A client of a service that gives the answer that it is to give."""

    def __init__(self, *, as_botocore: bool) -> None:
        self._client = connect(Remote(endpoint_url="http://127.0.0.1:1", anonymous=True))
        if as_botocore:
            self._client.meta.events.unregister(EVENT, take_keys_out)
        self._client.meta.events.register("before-send.s3", lambda **_: self._answer)

    def makes_of(self, body: str, status: int = 200) -> Any:
        """Its page, or its error."""
        self._answer = AWSResponse("http://127.0.0.1:1", status, {}, Sent(body.encode()))
        try:
            page = self._client.list_objects_v2(Bucket="bucket", EncodingType="url")
        except (ClientError, ResponseParserError) as error:
            return type(error)
        del page["ResponseMetadata"]
        return page


@pytest.fixture(scope="module")
def ours() -> Client:
    return Client(as_botocore=False)


@pytest.fixture(scope="module")
def theirs() -> Client:
    return Client(as_botocore=True)


@given(st.lists(st.text(letters, min_size=1), max_size=4), st.sampled_from(["", SPACE]))
def test_a_page_is_what_botocore_makes_of_it(ours: Client, theirs: Client, keys: list[str], space: str) -> None:
    contents = "".join(f"<Contents>{KEY.format(escape(key))}</Contents>" for key in keys)
    body = f"<ListBucketResult{space}>{HEAD}{contents}</ListBucketResult>"

    assert ours.makes_of(body) == {"Contents": [], **theirs.makes_of(body)}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("<ListBucketResult>", 200),
        ("not XML", 200),
        ("<Other/>", 200),
        ("<Error><Code>Unknown</Code><Message>m</Message></Error>", 404),
        (f"<ListBucketResult>{HEAD}<Contents>{KEY.format('a')}</Contents></ListBucketResult>", 404),
        (f"<ListBucketResult>{HEAD}<Contents><Key>a</Key></Contents></ListBucketResult>", 200),
        (f"<ListBucketResult>{HEAD}<Contents>{KEY[13:]}</Contents></ListBucketResult>", 200),
    ],
)
def test_what_is_no_whole_listing_is_left_to_botocore(ours: Client, theirs: Client, body: str, status: int) -> None:
    assert ours.makes_of(body, status) == theirs.makes_of(body, status)


def test_keys_are_taken_out() -> None:
    said = {"status_code": 200, "body": f"<ListBucketResult><Contents>{KEY}</Contents></ListBucketResult>"}
    taken: dict[str, Any] = {}
    take_keys_out(said, taken)

    assert said["body"] == b"<ListBucketResult />"
    assert [item["Key"] for item in taken["Contents"]] == ["{}"]


@pytest.mark.parametrize("said", ["True", "maybe", ""])
def test_an_end_that_is_not_clearly_told_is_no_end(ours: Client, theirs: Client, said: str) -> None:
    """botocore takes all but "true" for a listing's last page: what is on the others would count as deleted."""
    body = f"<ListBucketResult><IsTruncated>{said}</IsTruncated></ListBucketResult>"
    assert theirs.makes_of(body)["IsTruncated"] is False
    assert "IsTruncated" not in ours.makes_of(body)
