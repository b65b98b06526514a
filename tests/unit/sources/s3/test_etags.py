"""Which ETags can be MD5s."""

from __future__ import annotations

import pytest

from synapse_sync.records import Observation
from synapse_sync.sources.s3.etags import md5_of

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


def said(token: int | str, size: int = 43) -> str:
    return md5_of(Observation(size, 0, 0, token))


def test_an_etag_of_one_piece_is_an_md5() -> None:
    assert said(f'"{MD5}"') == MD5


@pytest.mark.parametrize(
    "token", [f'"{MD5}-3"', MD5, f'W/"{MD5}"', f'"{MD5.upper()}"', f'"{MD5}0"', '"opaque"', "", 0, f'"{MD5}"\n']
)
def test_anything_else_is_none(token: int | str) -> None:
    assert said(token) == ""


def test_an_empty_object_vouches_for_nothing() -> None:
    """Services have given it any ETag, and it is never registered unread."""
    assert said(f'"{MD5}"', size=0) == ""
