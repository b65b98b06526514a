"""A token names the generation, and the MD5 where the service vouches for one."""

from __future__ import annotations

import base64
import hashlib

import pytest

from synapse_sync.records import Observation
from synapse_sync.sources.versions import md5_of, token_of, version_of

MD5 = hashlib.md5(b"1", usedforsecurity=False)
VOUCHED = base64.b64encode(MD5.digest()).decode()


def observed(md5_hash: str, size: int = 1) -> Observation:
    return Observation(size, 0, 0, token_of("17", md5_hash))


def test_an_object_has_the_md5_that_the_service_keeps_of_it() -> None:
    assert version_of(observed(VOUCHED)) == "17"
    assert md5_of(observed(VOUCHED)) == MD5.hexdigest()


@pytest.mark.parametrize("md5_hash", ["", "x", "AAAA", "****", VOUCHED + VOUCHED, "스캔"])
def test_what_is_no_md5_is_none(md5_hash: str) -> None:
    assert observed(md5_hash).token == "17"
    assert md5_of(observed(md5_hash)) == ""


def test_an_empty_object_vouches_for_nothing() -> None:
    assert md5_of(observed(VOUCHED, size=0)) == ""
