"""Contents that a server has, and a service whose word is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from synapse_sync.sources.s3 import etags

from ..conftest import Installation

V2 = 'api = "v2"\n'
Begin = Callable[..., Installation]


def content(number: int) -> bytes:
    return f"image {number:03} ".encode() * 50


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def vouched_rows(site: Installation) -> list[str]:
    return [row[0] for row in site.rows("SELECT md5 FROM contents WHERE vouched = 1 AND sha1 = ''")]


class Liar:
    """A service whose ETags are MD5s of other contents than its objects', in listings and answers alike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: dict[str, str] = {}
        honest = etags.md5_of
        monkeypatch.setattr(
            "synapse_sync.sources.s3.source.md5_of",
            lambda observed: self.said.get(honest(observed), honest(observed)),
        )
