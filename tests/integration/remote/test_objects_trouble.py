"""Whatever becomes of an object store of any kind while it is synced: each unit is there once, nothing wrongly gone."""

from __future__ import annotations

import pytest

from synapse_sync.steps import vouching

from ..conftest import PAIR, Installation, stored
from .feeds import PATIENTS, configured, fill
from .interference import Asked, Cut
from .spooled import with_upload
from .stores import WAYS, Store, at_once
from .vouched import Begin, content, md5, vouched_rows


@pytest.fixture(autouse=True)
def _at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(store, monkeypatch)


@pytest.mark.parametrize("how", [*WAYS[1:4], "401", "503", "says <html/>"])
def test_a_listing_that_fails_midway_takes_nothing_away(
    site: Installation, store: Store, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(store.speech.listing, "PAGE", 3)
    fill(store.bucket)
    configured(site, store.bucket, store.proxy.port)
    assert site.sync().exit_code == 0
    proxy = store.proxy
    proxy.asked.clear()
    how_it_fails = store.fails(how)
    proxy.rule = lambda asked: how_it_fails if asked.lists and sum(one.lists for one in proxy.asked) >= 7 else None
    store.bucket.delete("p0/image.png")
    failed = site.sync()
    assert failed.exit_code == 1
    assert store.name in failed.stdout
    assert "gone" not in {state for state, _ in site.files().values()}
    proxy.rule = lambda _asked: None
    assert site.sync().counts["gone"] == 1


def test_reads_that_break_are_made_good_and_nothing_is_sent_twice(site: Installation, store: Store) -> None:
    fill(store.bucket)
    configured(site, store.bucket, store.proxy.port)
    contents = store.proxy.contents
    store.proxy.rule = lambda asked: Cut(3) if asked in contents() and asked.number % 3 == 0 else None
    site.sync()
    store.proxy.rule = lambda _asked: None
    assert site.sync().exit_code == 0
    assert set(site.units()) == set(PATIENTS)
    assert site.received() == sum(len(f"image of {patient}label of {patient}") for patient in PATIENTS)


def test_an_object_that_is_replaced_between_hashing_and_sending_is_never_registered_as_what_it_was(
    site: Installation, store: Store
) -> None:
    for name, text in PAIR.items():
        store.put(name, str(text).encode())
    configured(site, store.bucket, store.proxy.port)
    with_upload(site, "spool_size = 0")  # else it is read once
    done: list[int] = []

    def rule(_asked: Asked) -> None:
        if len([one for one in store.proxy.contents() if "image.png" in one.path]) == 2 and not done:
            done.append(1)
            store.put("p1/image.png", b"another one")

    store.proxy.rule = rule
    site.sync()
    site.sync()
    assert done
    assert [unit["image_1"] for unit in site.registered()] == [stored("another one")]


def test_what_the_server_has_is_not_downloaded_by_the_word_of_the_service(
    begin: Begin, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vouching, "ENOUGH", 4)
    for number in range(24):
        store.put(f"{number:02}.png", content(number))
    there = [content(number) for number in range(12, 24)]
    site = begin("md5", there, place=store.bucket, port=store.proxy.port)
    done = site.sync()
    assert done.exit_code == 0, done.error or done.stdout
    assert len(site.units()) == 24
    assert len(store.proxy.contents()) == 12
    assert done.counts["vouched_files"] == 12
    assert sorted(vouched_rows(site)) == sorted(md5(one) for one in there)
