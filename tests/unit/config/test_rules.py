"""Rules between settings, what is refused because it is not there yet, and what is only warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_sync.config import loads
from synapse_sync.config.not_yet import NOT_YET
from synapse_sync.config.toml_text import toml_text
from synapse_sync.errors import ConfigError

SOURCE = Path("/conf/config.toml")


def feed(**settings: Any) -> dict[str, Any]:
    return {"name": "scans", "data_collection": 1, "path": "/srv/scans"} | settings


def problems(*feeds: dict[str, Any], **tables: Any) -> list[str]:
    """What is wrong, without the line numbers; none where the configuration is well."""
    try:
        loads(toml_text(tables | {"feeds": list(feeds)}), SOURCE)
    except ConfigError as error:
        return [words.partition(", ")[2] or words for words in error.problems]
    return []


def test_a_config_needs_a_feed() -> None:
    assert problems() == ["feeds: there is none yet; add one that begins with the line [[feeds]]"]


@pytest.mark.parametrize("name", ["a:b", "a/b"])
def test_a_feeds_name_cannot_be_mistaken_in_a_key(name: str) -> None:
    (words,) = problems(feed(name=name))
    assert 'must not contain ":" or "/"' in words


@pytest.mark.parametrize("name", ["", " a", "a\n", "\t"])
def test_a_feeds_name_can_be_typed_and_read(name: str) -> None:
    assert "is no name" in problems(feed(name=name))[0]


def test_feeds_have_different_names() -> None:
    found = problems(feed(), feed(path="/srv/b"), feed(path="/srv/c"))
    assert found == [f'feeds[{index}].name: "scans" is the name of feeds[0] already' for index in (1, 2)]


def test_a_feed_has_either_a_path_or_assets() -> None:
    assets = {"image_1": {"path": "/srv/images"}}
    assert "remove one of them" in problems(feed(assets=assets))[0]
    assert "a feed has a path, or a [feeds.assets.SPEC]" in problems(feed(path=None))[0]
    assert problems(feed(path=None, assets=assets)) == []


def test_an_asset_is_named_after_a_specification() -> None:
    assert "needs the name of a file specification" in problems(feed(path=None, assets={"": {"path": "/a"}}))[0]


@pytest.mark.parametrize("by", ["auto", "directory", "stem"])
def test_assets_group_by_directory_or_stem(by: str) -> None:
    assert problems(feed(path=None, assets={"image_1": {"path": "/a"}}, grouping={"by": by})) == []


def test_every_unit_cannot_be_registered_where_v2_keeps_one() -> None:
    registering = feed(duplicates="register")
    assert "v2 keeps one unit" in problems(registering, server={"api": "v2"})[0]
    assert problems(registering, server={"api": "v1"}) == []


def test_depth_is_refused_where_it_would_be_ignored() -> None:
    assert 'must be "directory" for depth to count' in problems(feed(grouping={"by": "stem", "depth": 2}))[0]
    assert problems(feed(grouping={"by": "directory", "depth": 2})) == []
    assert "must be at least 1" in problems(feed(grouping={"by": "directory", "depth": 0}))[0]


def test_the_same_folder_into_the_same_collection_is_refused() -> None:
    other = feed(name="other", path="/srv/./scans/")
    assert problems(feed(), other) == ["feeds[1].path: feeds[0] sends the same folder to collection 1 already"]
    assert problems(feed(), feed(name="other", data_collection=2)) == []


def test_a_folder_inside_another_feeds_folder_is_allowed() -> None:
    assert problems(feed(), feed(name="inner", path="/srv/scans/inner")) == []


def test_two_feeds_may_share_one_of_several_folders() -> None:
    one, two = (
        feed(name=name, path=None, assets={"image_1": {"path": f"/{name}"}, "label_1": {"path": "/labels"}})
        for name in ("one", "two")
    )
    assert problems(one, two) == []


def test_the_ledger_may_not_lie_in_a_watched_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lies inside /srv/scans, which is watched" in problems(feed(), ledger={"path": "/srv/scans/.l/ledger.db"})[0]
    assert problems(feed(), ledger={"path": "/srv/scans-ledger.db"}) == []
    monkeypatch.setenv("HOME", "/srv/scans")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    environ = {"HOME": "/srv/scans"}
    with pytest.raises(ConfigError) as refused:
        loads(toml_text({"feeds": [feed()]}), SOURCE, environ)
    assert "feeds[0].path: holds the ledger /srv/scans/.local/state/synapse-sync/config-" in refused.value.problems[0]


def test_http_to_another_machine_is_warned_of() -> None:
    def warnings(url: str) -> list[str]:
        return loads(toml_text({"server": {"url": url}, "feeds": [feed()]}), SOURCE).warnings

    assert "not encrypted" in warnings("http://nas.local:8000")[0]
    assert warnings("http://127.0.0.1:8000") == []
    assert warnings("https://nas.local") == []


def test_what_may_need_a_person_on_v1_is_warned_of() -> None:
    config = loads(toml_text({"server": {"api": "v1"}, "feeds": [feed()]}), SOURCE)
    assert "waits for a person" in config.warnings[0]
    config = loads(toml_text({"feeds": [feed(duplicates="register")]}), SOURCE)
    assert "feed scans" in config.warnings[0]


REFUSED: dict[str, Any] = {
    "feeds.*.path": "hdfs://cluster/prefix",
    "feeds.*.assets.*.path": "gopher://nas/labels",
}


def test_every_missing_feature_has_an_example_here() -> None:
    assert set(REFUSED) == set(NOT_YET)


@pytest.mark.parametrize("path", NOT_YET)
def test_what_this_version_does_not_do_is_refused_in_words(path: str) -> None:
    assets = {"image_1": {"path": "/srv/images"}} if "assets" in path else {}
    tables: dict[str, Any] = {"upload": {}, "feeds": [feed(path=None, assets=assets) if assets else feed()]}
    node: Any = tables
    *parents, key = path.replace("feeds.*", "feeds.0").replace("assets.*", "assets.image_1").split(".")
    for part in parents:
        node = node[int(part)] if part.isdigit() else node.setdefault(part, {})
    node[key] = REFUSED[path]
    place = path.replace("feeds.*", "feeds[0]").replace("assets.*", "assets.image_1")
    assert problems(*tables["feeds"], upload=tables["upload"]) == [f"{place}: {NOT_YET[path].words}"]


def grouped(**grouping: Any) -> list[str]:
    return problems(feed(grouping=grouping))


def test_a_pattern_says_something_and_only_where_it_counts() -> None:
    assert grouped(by="pattern") == ['feeds[0].grouping: by = "pattern" needs rules, a key or a unit_key']
    assert grouped(by="stem", key="P[0-9]") == [
        'feeds[0].grouping.by: must be "pattern" for key to count; write that, or remove what does not'
    ]
    assert grouped(by="pattern", unit_key="{dir1}-{stem}") == []


def test_a_bad_expression_is_told_with_the_position_and_a_bad_template_with_the_names_there_are() -> None:
    assert grouped(by="pattern", key="P([0-9") == [
        'feeds[0].grouping.key: "P([0-9" is no regular expression: unterminated character set, at character 3'
    ]
    assert grouped(by="pattern", key="(?P<site>.)", unit_key="{site}-{day}") == [
        'feeds[0].grouping.unit_key: "{site}-{day}" has no day to take; known are site, stem, dir1, dir2, …'
    ]
    assert problems(feed(groups=["{site}"])) == [
        'feeds[0].groups[0]: "{site}" has no site to take; known are stem, dir1, dir2, …'
    ]


def test_rules_have_no_place_beside_assets() -> None:
    rules = [{"pattern": "*.png", "spec": "image_1"}]
    with_assets = feed(path=None, assets={"image_1": {"path": "/srv/i"}}, grouping={"by": "pattern", "rules": rules})
    assert "an asset says itself" in problems(with_assets)[0]


def test_what_could_never_do_anything_is_a_mistake() -> None:
    assert "has no named group" in problems(feed(metadata={"filename": "P[0-9]+"}))[0]
    assert "takes nothing" in grouped(by="pattern", rules=[{"pattern": "!*.png", "spec": "image_1"}])[0]
    assert problems(feed(groups=[""])) == ["feeds[0].groups[0]: is empty; a group has a name"]
    assert "local tables only" in problems(feed(metadata={"table": "s3://bucket/meta.csv"}))[0]


def test_feeds_of_one_collection_whose_folders_lie_in_one_another_are_warned_of() -> None:
    def warnings(*feeds: dict[str, Any]) -> list[str]:
        return loads(toml_text({"feeds": list(feeds)}), SOURCE).warnings

    outer, inner = feed(), feed(name="ward", path="/srv/scans/ward")

    (words,) = warnings(outer, inner)
    assert words.startswith("feed ward: its folder /srv/scans/ward lies inside that of feed scans")
    assert warnings(outer, {**inner, "data_collection": 2}) == []
    assert warnings(outer, {**inner, "path": "/srv/scans-ward"}) == []
