"""Paths in a storage: relative to its root, never out of it; which storage a feed's or an asset's path is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import Feed, loads
from synapse_sync.config.storage_paths import storage_path
from synapse_sync.config.toml_text import toml_text
from synapse_sync.errors import ConfigError

BASE: dict[str, Any] = {"name": "scans", "data_collection": 1}


def feed(**settings: Any) -> Feed:
    return loads(toml_text({"feeds": [{**BASE, **settings}]}), Path("/etc/x.toml")).feeds[0]


def problems(**settings: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        feed(**settings)
    return "; ".join(refused.value.problems)


@pytest.mark.parametrize(
    ("typed", "path"),
    [("a", "a"), ("a/b/", "a/b"), ("./a/./b", "a/b"), ("", "."), (".", "."), ("./", "."), ("a b", "a b")],
)
def test_a_path_below_the_root(typed: str, path: str) -> None:
    assert storage_path(typed) == path
    root = feed(storage=11, path=typed).asset_roots()[""]
    assert (root.storage, root.path, root.remote) == (11, path, None)


@pytest.mark.parametrize(
    "typed", ["/srv/scans", "s3://bucket/a", "~/scans", "..", "a/../b", "../a", "a/..", "a//b", "a\0b"]
)
def test_what_is_no_path_in_a_storage_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"storage|slashes|NUL"):
        storage_path(typed)


@given(st.text(alphabet="ab./~:\\", max_size=12))
def test_no_path_leads_out_of_a_storage(typed: str) -> None:
    try:
        found = storage_path(typed)
    except ValueError:
        return
    assert not found.startswith("/")
    assert ".." not in found.split("/")


def test_an_absolute_path_or_a_url_with_a_storage_is_a_mistake() -> None:
    assert "feeds[0].path: is no path in a storage" in problems(storage=11, path="/srv/scans")
    asset = {"image_1": {"path": "s3://bucket/a", "storage": 11}}
    assert "feeds[0].assets.image_1.path: is no path in a storage" in problems(assets=asset)


def test_an_assets_own_storage_wins_and_a_relative_path_without_one_is_in_the_feeds() -> None:
    assets = {
        "image_1": {"path": "images"},
        "label_1": {"path": "labels", "storage": 12},
        "dicom_1": {"path": "/srv/dicoms"},
        "video_1": {"path": "s3://bucket/videos"},
    }
    roots = feed(storage=11, assets=assets).asset_roots()
    assert {spec: root.storage for spec, root in roots.items()} == {
        "image_1": 11, "label_1": 12, "dicom_1": None, "video_1": None,
    }  # fmt: skip
    assert feed(assets={"image_1": {"path": "images"}}).asset_roots()["image_1"].path == "/etc/images"


def test_a_storage_that_no_path_is_in_is_a_mistake() -> None:
    assert "feeds[0].storage: is for paths" in problems(storage=11, assets={"image_1": {"path": "/srv/images"}})


def test_access_may_be_given_for_a_storage() -> None:
    root = feed(storage=11, path="a", remote={"endpoint_url": "https://outside"}).asset_roots()[""]
    assert root.remote is not None


def test_the_same_path_in_two_storages_is_not_the_same_folder() -> None:
    one = {**BASE, "path": "a", "storage": 11}
    other = {**BASE, "name": "other", "path": "a", "storage": 12}
    loads(toml_text({"feeds": [one, other]}), Path("/etc/x.toml"))
    with pytest.raises(ConfigError, match="problem") as refused:
        loads(toml_text({"feeds": [one, {**other, "storage": 11}]}), Path("/etc/x.toml"))
    assert "sends the same folder" in refused.value.problems[0]
    inside = loads(toml_text({"feeds": [one, {**other, "storage": 11, "path": "a/b"}]}), Path("/etc/x.toml"))
    assert "lies inside that of feed scans" in "".join(inside.warnings)
