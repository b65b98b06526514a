"""Several feeds in one ledger: each by itself, but for content, which is known to all."""

from __future__ import annotations

import json

import pytest

from .conftest import DIRECTORY, PAIR, Installation, stored

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}


def two_feeds(site: Installation, first: str = "a", second: str = "b") -> None:
    """Two feeds into one collection, from share/FEED each."""
    site.configure()
    text = (site.folder / "config.toml").read_text()
    head = text[: text.index("[[feeds]]")]
    feeds = "".join(
        f'[[feeds]]\nname = "{name}"\ndata_collection = {site.collection}\npath = "share/{folder}"\nsettle = "0s"\n'
        f"{DIRECTORY}"
        for name, folder in ((first, "a"), (second, "b"))
    )
    (site.folder / "config.toml").write_text(head + feeds)


@pytest.fixture
def both(site: Installation) -> Installation:
    """Both feeds have a unit p1, with other content."""
    two_feeds(site)
    site.write({f"a/{name}": content for name, content in PAIR.items()})
    site.write({"b/p1/image.png": "another image", "b/p1/label.json": "another label"})
    return site


def test_units_of_two_feeds_may_have_one_key(both: Installation) -> None:
    assert both.sync().exit_code == 0

    assert len(both.registered()) == 2
    assert [(unit["feed"], unit["key"]) for unit in both.run("units", "--json").json] == [("a", "p1"), ("b", "p1")]
    printed = both.type("units", "show", "p1")
    assert printed.exit_code == 2
    assert "error: several feeds have a unit p1" in printed.stderr
    assert "say which: a:p1, b:p1" in printed.stderr
    assert both.run("units", "show", "b:p1", "--json").json[0]["feed"] == "b"


def test_only_the_named_feeds_run(both: Installation) -> None:
    outcome = both.sync("b")

    assert [feed["name"] for feed in outcome.json["feeds"]] == ["b"]
    assert both.registered() == [{"image_1": stored("another image"), "label_1": stored("another label")}]
    assert [feed["name"] for feed in both.run("plan", "--json", "a").json["feeds"]] == ["a"]
    both.sync()
    assert [feed["name"] for feed in both.run("status", "--json", "a").json["feeds"]] == ["a"]
    assert {file["feed"] for file in both.run("files", "--json", "--feed", "a").json} == {"a"}


def test_a_file_of_two_feeds_has_a_story_in_each(both: Installation) -> None:
    both.sync()

    stories = both.run("files", "show", "p1/image.png", "--json").json
    assert [story["feed"] for story in stories] == ["a", "b"]
    [story] = both.run("files", "show", str(both.share / "b/p1/image.png"), "--json").json
    assert story["feed"] == "b"


def test_one_ledger_sends_equal_units_of_two_feeds_once(site: Installation) -> None:
    two_feeds(site)
    site.write({f"{feed}/{name}": content for feed in "ab" for name, content in PAIR.items()})

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]
    assert site.received() == len("an image") + len("a label")
    states = {unit["feed"]: (unit["state"], unit["reason"]) for unit in site.run("units", "--json").json}
    assert states == {"a": ("registered", ""), "b": ("duplicate", "the same content as a:p1")}


def test_a_feed_with_a_new_name_registers_nothing_again(both: Installation) -> None:
    both.sync()
    both.server.reset_stats()

    two_feeds(both, first="renamed")

    assert both.sync().exit_code == 0
    assert len(both.registered()) == 2
    assert both.received() == 0


def test_a_file_held_in_one_feed_does_not_stop_another(both: Installation) -> None:
    both.write({"a/p1/second.png": "which one?"})

    outcome = both.sync()

    assert outcome.exit_code == 1
    assert both.registered() == [{"image_1": stored("another image"), "label_1": stored("another label")}]
    attention = {feed["name"]: feed["attention"] for feed in outcome.json["feeds"]}
    assert attention["b"] == []
    assert "2 files for image_1" in json.dumps(attention["a"])
