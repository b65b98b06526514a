"""Copies of the ledger: whole, without URLs, never in the way of what was kept before; which of them are kept."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.errors import LedgerCorrupt, LedgerError, LedgerFull
from synapse_sync.ledger import Ledger, backups, integrity_problems, open_for_writing
from synapse_sync.ledger.backups import Backup, back_up, backups_of, copy_checked, superseded

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
URL = "https://storage.example.org/part?signature=abc"


def add_upload(ledger: Ledger, parts: dict[str, str]) -> None:
    """An upload that is half done."""
    with ledger.write() as transaction:
        content = transaction.one(
            "content_id", destination="d", md5="m", sha1=f"s{len(str(parts))}{list(parts)}", size=1
        )["id"]
        transaction.run(
            "save_progress", content=content, route="presigned", upload_id="u", offset=0, parts=parts, now=0.0
        )


def made(ledger: Ledger, at: datetime = NOON) -> Path:
    """One backup."""
    copy = back_up(ledger.path, at.timestamp())
    assert copy is not None
    return copy


def test_a_backup_is_the_ledger_as_it_is_for_its_owner_alone(ledger: Ledger) -> None:
    with ledger.write() as transaction:
        transaction.run("add_feed", name="scans", now=0.0)
        transaction.run("add_feed", name="photos", now=0.0)

    copy = made(ledger)

    assert copy.name == "ledger-20260131T120000Z.db"
    assert copy.parent == ledger.path.parent / "backups"
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    with open_for_writing(copy, create=False) as restored:
        assert [row["name"] for row in restored.query("all_feeds")] == ["photos", "scans"]


def test_a_backup_keeps_the_number_of_the_last_durable_commit(ledger: Ledger) -> None:
    """`PRAGMA user_version`: an older copy is known by it."""
    ledger._writer.execute("PRAGMA user_version = 42")  # type: ignore[union-attr]

    assert sqlite3.connect(made(ledger)).execute("PRAGMA user_version").fetchone() == (42,)


def test_no_presigned_url_is_in_a_backup_and_other_uploads_are(ledger: Ledger) -> None:
    add_upload(ledger, {"1": URL})
    add_upload(ledger, {})
    add_upload(ledger, {"2": URL})
    with ledger.write() as transaction:  # its page stays in the ledger's file, with what stood in it
        transaction.run("forget_progress", contents=[3])

    copy = made(ledger)

    assert b"signature" not in copy.read_bytes()
    assert sqlite3.connect(copy).execute("SELECT parts FROM uploads").fetchall() == [("{}",)]


def test_a_copy_that_is_not_whole_never_gets_its_name(ledger: Ledger) -> None:
    with ledger.write() as transaction:
        transaction.run("add_feed", name="scans", now=0.0)
    ledger._writer.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
    with ledger.write() as transaction:
        transaction.run("add_run", feed=17, at=0.0)

    with pytest.raises(LedgerCorrupt, match="row 1 of runs refers to nothing"):
        made(ledger)
    assert list((ledger.path.parent / "backups").iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_belongs_to_another_ledger_stays(ledger: Ledger) -> None:
    folder = ledger.path.parent / "backups"
    folder.mkdir()
    for name in ("ledger-20260101T000000Z.db.part", "ledger-20260101T000000Z.db.part-journal", "other-x.db.part"):
        (folder / name).write_text("half")

    copy = made(ledger)

    assert {path.name for path in folder.iterdir()} == {copy.name, "other-x.db.part"}


def test_too_little_room_is_told_before_anything_is_written(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(ledger)
    disk = os.statvfs(ledger.path.parent)
    monkeypatch.setattr(backups, "MARGIN", disk.f_blocks * disk.f_frsize)  # what is free changes while others test

    with pytest.raises(LedgerFull, match=r"MiB are free where .*ledger-.* is to be, .* MiB are needed"):
        made(ledger, NOON + timedelta(days=1))
    assert list(first.parent.iterdir()) == [first]


def test_a_copy_that_is_stopped_leaves_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synapse_sync.ledger.integrity._STEPS", 1)

    assert back_up(ledger.path, NOON.timestamp(), stop=lambda: True) is None
    assert list((ledger.path.parent / "backups").iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told(ledger: Ledger) -> None:
    (ledger.path.parent / "backups").write_text("a file")

    with pytest.raises(LedgerError, match=r"could not be made: .*File exists"):
        made(ledger)


def test_a_copy_is_made_while_a_transaction_is_open(ledger: Ledger, tmp_path: Path) -> None:
    """It has what was committed before."""
    with ledger.write() as transaction:
        transaction.run("add_feed", name="scans", now=0.0)
        copy_checked(ledger.path, tmp_path / "copy.db")

    assert sqlite3.connect(tmp_path / "copy.db").execute("SELECT count(*) FROM feeds").fetchone() == (0,)


@pytest.mark.parametrize("moment", ["VACUUM", "DELETE", "integrity"])
def test_a_process_killed_while_it_copies_leaves_no_copy(ledger: Ledger, moment: str) -> None:
    script = f"""
import os, signal, sys, sqlite3
from pathlib import Path
from synapse_sync.ledger import backups
def killed(*_): os.kill(os.getpid(), signal.SIGKILL)
if {moment!r} == "integrity": backups.integrity_problems = killed
elif {moment!r} == "DELETE": backups._leave_out_urls = killed
else:
    def stoppable(connection, stop):
        connection.set_progress_handler(killed, 100)
        from contextlib import closing
        return closing(connection)
    backups.stoppable = stoppable
backups.back_up(Path({str(ledger.path)!r}), 0.0)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)

    assert done.returncode == -9
    assert backups_of(ledger.path) == []
    assert integrity_problems(made(ledger)) == []


def at(days: float, version: str = "") -> Backup:
    """A backup so many days before NOON, a Saturday."""
    moment = NOON - timedelta(days=days)
    return Backup(Path(f"{moment:%Y%m%dT%H%M%S}{version}"), moment, version)


def test_kept_are_the_newest_of_three_days_and_of_two_weeks() -> None:
    today, earlier, yesterday, before, last_week, last_monday = at(0), at(0.2), at(1), at(2), at(7), at(12)

    assert superseded([last_monday, last_week, before, yesterday, earlier, today]) == [last_monday, earlier]


def test_kept_are_the_newest_from_before_two_migrations() -> None:
    """However often the process is restarted in the middle of one."""
    old, first, second, again = at(9, "0007"), at(3, "0008"), at(0.2, "0009"), at(0.1, "0009")

    assert superseded([old, first, second, again]) == [old, second]


@given(st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from(["", "", "0007", "0008", "0009"])), unique=True))
def test_the_newest_is_always_kept_and_never_many(minutes: list[tuple[int, str]]) -> None:
    found = [at(minute / 1440, version) for minute, version in minutes]

    kept = set(found) - set(superseded(found))

    assert len(kept) <= backups.DAYS + backups.WEEKS + backups.MIGRATIONS
    assert not found or max(backup.at for backup in found) in {backup.at for backup in kept}
