"""Run by test_storms.py in a user namespace, as a container is one, that grants 20 watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from synapse_sync.watching.limits import WATCHES

from .conftest import Installation, until
from .watched import Watched, watching


@pytest.fixture
def watched(site: Installation) -> Iterator[Callable[..., Watched]]:
    with watching(site) as watched:
        yield watched


def test_what_can_not_be_watched_is_polled_until_it_can(watched: Callable[..., Watched]) -> None:
    one = watched(feed='poll_every = "10s"')
    one.site.write([f"{folder}/a.png" for folder in range(50)])
    until(one.settled, "all is known")
    (report,) = one.watch.report()
    assert report.by_events == 20
    assert report.by_polling == report.unwatched == 31
    assert report.remedy.startswith("sudo sysctl user.max_inotify_watches=65536 && ")
    assert "31 folders" in report.why

    one.site.write([f"{folder}/b.png" for folder in range(50)])
    while one.known() != one.there():
        assert all(look.folders is not None for look in one.look(ahead=10.0))

    WATCHES["user.max_inotify_watches"].write_text("1000")
    one.watch.look_everywhere()
    one.look()
    assert one.report == "51 by events, 0 by polling"
    assert one.watch.report()[0].why == ""
