"""What the server has, by the word of a source that proved right, is not downloaded."""

from __future__ import annotations

import hashlib

import pytest

from synapse_sync.sources import remote_reading
from synapse_sync.sources.s3 import client
from synapse_sync.steps import vouching

from .interference import Proxy
from .places import Bucket
from .vouched import Begin, Liar, content, md5, vouched_rows


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_reading, "PAUSE", 0.0)
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    monkeypatch.setattr(vouching, "ENOUGH", 4)


def test_half_is_there_and_half_is_downloaded(begin: Begin, bucket: Bucket, proxy: Proxy) -> None:
    for number in range(40):
        bucket.put(f"{number:02}.png", content(number))
    site = begin("md5", [content(number) for number in range(20, 40)])
    done = site.sync()
    assert done.exit_code == 0, done.error or done.stdout
    assert len(site.units()) == 40
    assert len(proxy.reads()) == 20
    assert done.counts["vouched_files"] == 20
    assert done.counts["read_as_sample"] == 4
    assert done.counts["read_lacking"] == 16
    assert done.counts["sent_files"] == 20
    assert sorted(vouched_rows(site)) == sorted(md5(content(number)) for number in range(20, 40))
    before = site.ledger_text()
    assert site.sync().exit_code == 0
    assert site.ledger_text() == before
    shown = site.type("runs", "show", str(site.run("runs", "--json").json[0]["id"])).stdout
    assert "vouched files" in shown.replace("_", " ")


def test_a_service_that_lies_from_the_start_is_never_believed(
    begin: Begin, bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Liar(monkeypatch)
    for number in range(12):
        bucket.put(f"{number:02}.png", content(number))
        liar.said[md5(content(number))] = md5(content(number + 20))
    site = begin("md5", [content(number) for number in range(20, 40)])
    done = site.sync()
    assert done.exit_code == 0
    assert sorted(unit["image_1"] for unit in site.registered()) == sorted(
        hashlib.sha1(content(number)).hexdigest() for number in range(12)
    )  # fmt: skip
    assert done.counts["read_not_believed"] >= 8
    assert site.rows("SELECT agreed, refuted FROM vouchers") == [(0, 1)]
