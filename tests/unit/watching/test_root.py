"""What becomes of a root that is watched, without the events of a kernel."""

from __future__ import annotations

from pathlib import Path

from synapse_sync.records import Look, Looked
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.mounts import mounted
from synapse_sync.watching.hints import DEBOUNCE
from synapse_sync.watching.limits import Lacking
from synapse_sync.watching.root import Root, Terms


def root(folder: Path) -> Root:
    terms = Terms("auto", 30.0, 3600.0)
    return Root(LocalSource(str(folder)), None, terms, Lacking(), lambda: None, lambda: 0.0)


def test_what_is_told_of_mounts_when_the_first_look_begins_is_no_reason_for_a_second_one(tmp_path: Path) -> None:
    one = root(tmp_path)
    assert one.check()
    assert one.take(0.0) == Look()
    one.mounted(mounted())
    one.begin(Look())(b"")
    one.looked(Looked("", 0.0, None, frozenset(), frozenset(), {}, unsure=False))
    one.mounted(mounted())
    assert one.check()

    assert one.take(DEBOUNCE + 1.0) is None


def test_a_root_that_was_missing_at_the_first_look_is_listed_as_soon_as_it_is_there(tmp_path: Path) -> None:
    one = root(tmp_path / "later")
    assert one.take(0.0) == Look()
    assert not one.check()
    (tmp_path / "later").mkdir()

    assert one.check()
    assert one.take(60.0) == Look()
