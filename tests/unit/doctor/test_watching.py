"""What is said of a feed's file system: whether events tell of changes there, and what to write where they don't."""

from __future__ import annotations

import pytest

from synapse_sync.config import Feed
from synapse_sync.doctor.watching import _file_system, _nested
from synapse_sync.sources.mounts import Mount

LOCAL, SHARE = Mount(b"/srv", "ext4", "/dev/sda1", 1), Mount(b"/srv/nas", "cifs", "//nas/scans", 2)


def feed(watch: str) -> Feed:
    return Feed.model_validate({"name": "scans", "data_collection": 1, "path": "/srv/nas/scans", "watch": watch})


@pytest.mark.parametrize(
    ("watch", "mount", "level", "words"),
    [
        ("auto", LOCAL, "ok", "events tell at once"),
        ("auto", SHARE, "ok", "cifs, which does not tell of changes made elsewhere: it is looked at every 300 s"),
        ("auto", None, "ok", "an unknown file system"),
        ("poll", LOCAL, "ok", 'as watch = "poll" says'),
        ("events", LOCAL, "ok", "events tell at once"),
        ("events", SHARE, "warning", "they show with each rescan"),
    ],
)
def test_a_folder_on_a_file_system(watch: str, mount: Mount | None, level: str, words: str) -> None:
    one = feed(watch)

    finding = _file_system(one, one.asset_roots()[""], mount)

    assert (finding.level, finding.feed) == (level, "scans")
    assert words in finding.words
    assert finding.remedy == ('write watch = "auto" in this feed' if level == "warning" else "")


@pytest.mark.parametrize(("watch", "level"), [("auto", "ok"), ("events", "warning")])
def test_a_share_that_is_mounted_inside_a_feed(watch: str, level: str) -> None:
    one = feed(watch)

    finding = _nested(one, one.asset_roots()[""], [SHARE])

    assert finding.level == level
    assert "1 mount inside it (cifs): /srv/nas" in finding.words
