"""An object store's server that is stopped while it is listed and read is used again when it is back."""

from __future__ import annotations

import pytest

from synapse_sync.errors import SourceUnavailable

from .interference import Cut
from .stores import Store, at_once
from .test_conformance import listed

CONTENT = bytes(range(256)) * (64 << 10)  # 16 MiB: more than is on its way at any time


def test_a_server_that_is_stopped_while_it_is_listed_and_read_is_used_again_when_it_is_back(
    own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, server = own_store, own_store.bucket.server
    at_once(store, monkeypatch)
    store.put("a", CONTENT)
    observed = listed(store.bucket.source())[b"a"]
    lists, reads = store.source(), store.source()
    with reads.open_observed(b"a", observed) as stream:
        assert stream.read(100_000) == CONTENT[:100_000]
        store.proxy.rule = lambda _asked: Cut(100, server.stop)
        with pytest.raises(SourceUnavailable, match=store.name):
            listed(lists)
        with pytest.raises(SourceUnavailable, match=store.name):
            listed(lists)
        store.proxy.rule = lambda _asked: None
        server.start()
        assert listed(lists) == {b"a": observed}
        assert stream.read(len(CONTENT)) == CONTENT[100_000:]
    assert [bool(store.speech.begins(asked)) for asked in store.proxy.contents()] == [False, True]
