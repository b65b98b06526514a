"""One honest line: for `systemctl status`, and once a day."""

from __future__ import annotations

from typing import Any

from synapse_sync.logs import daily_summary, status_line


def feed(name: str = "scans", **changed: Any) -> dict[str, Any]:
    account = {"seen": 120, "registered": 100, "in_progress": 16, "aside": 4, "registered_bytes": 3 << 30}
    return {
        "name": name, "paused": "", "files": {"grouped": 16}, "units": {"registered": 50}, "account": account,
        "attention": [], "configured": True, **changed,
    }  # fmt: skip


def test_all_well() -> None:
    now = {"feeds": [feed()]}
    assert status_line(now, bytes_per_second=5 << 20).startswith("16 files waiting, sending 5.0 MiB/s, no registration")
    assert status_line(now).endswith("; all well")


def test_what_needs_somebody_is_said() -> None:
    stuck = feed("photos", units={"held": 2, "incomplete": 1}, attention=[{"reason": "2 files for image_1"}])
    paused = feed("labels", paused="/srv/labels is not there")
    failing = feed("films", attention=[{"reason": "no connection"}])
    line = status_line({"feeds": [feed(), stuck, paused, failing]})
    assert line.endswith(
        "; 3 of photos need you (synapse-sync status); labels is paused: /srv/labels is not there; films: no connection"
    )


def test_a_feed_that_left_the_config_is_nobodys_concern() -> None:
    assert status_line({"feeds": [feed(paused="gone", configured=False)]}) == (
        "nothing waits, no registration yet; all well"
    )


def test_a_day() -> None:
    before = {"feeds": [feed(units={"registered": 30})]}
    assert daily_summary({"feeds": [feed()]}, before) == (
        "daily summary: 50 units registered (+20), 120 files seen (+0), 16 files in progress, 4 aside, "
        "3.0 GiB in Synapse; all well"
    )
    assert "50 units registered, 120 files seen," in daily_summary({"feeds": [feed()]})
