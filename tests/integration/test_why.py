"""`why PATH`: each file's whole story, whatever became of it."""

from __future__ import annotations

from typing import Any

from .conftest import Installation

DIRECTORY = '[feeds.grouping]\nby = "directory"\n[feeds.metadata]\nvalues = {site = "Seoul"}\n'
FILES = ["p1/image.png", "p1/label.json", "p1/notes.xyz", "p2/image.png", "p1/@eaDir/thumb.png", "drafts/a.png"]


def told(site: Installation, path: str) -> dict[str, Any]:
    (story,) = site.run("why", path, "--json").json
    assert isinstance(story, dict)
    return story


def test_each_file_is_told_by_what_takes_or_leaves_it(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='exclude = ["drafts/"]')
    site.write(FILES)
    site.sync()

    registered = told(site, "p1/image.png")
    assert registered["place"] == {
        "key": "p1",
        "specs": ["image_1"],
        "told_by": "its name",
        "aside": "",
        "reason": "",
    }
    assert registered["grouping"] == "by directory, depth 1"
    assert registered["unit"]["server_id"] == site.server.units(site.collection)[0]["id"]
    assert registered["unit"]["meta_sources"]["site"] == "values in the config"
    assert registered["file"]["server_checksum"]

    assert told(site, "p1/notes.xyz")["place"]["reason"].startswith("no specification takes .xyz files")
    assert told(site, "p2/image.png")["unit"]["state"] == "forming"
    assert "excluded by default" in told(site, "p1/@eaDir/thumb.png")["excluded"]
    assert told(site, "drafts/a.png")["excluded"] == 'its folder drafts: excluded by "drafts/" in exclude'
    assert told(site, str(site.share / "p1/label.json"))["unit"]["key"] == "p1"


def test_a_file_that_no_run_has_seen_says_so(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(FILES)
    site.sync()
    site.write(["p3/image.png"])

    assert told(site, "p3/image.png")["file"] is None
    assert told(site, "p3/image.png")["place"]["key"] == "p3"
    assert "no listing has shown it yet" in site.type("why", "p3/image.png").stdout


def test_people_read_the_same_in_lines(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(FILES)
    site.sync()

    printed = site.type("why", "p1/image.png")

    assert printed.exit_code == 0
    for words in ("to unit p1 as image_1", "registered", "values in the config", "seen → settled", "md5"):
        assert words in printed.stdout


def test_what_lies_nowhere_is_a_usage_error(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write(FILES)
    site.sync()

    for path in ("/etc/passwd", "p9/nothing.png", "../outside.png"):
        printed = site.type("why", path)
        assert printed.exit_code == 2
        assert printed.stderr.startswith(f"error: {path} ")
