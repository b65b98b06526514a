"""The one gate before any file is used: unchanged, written by nobody, whole; with the ways in which programs write."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synapse_sync.devserver import DevServer, Options

from .conftest import DIRECTORY, IMAGE, LABEL, Installation, stored, until
from .test_daemon import running

LABELLED = "a label"
WRITER = """
import sys
import time
file = open(sys.argv[1], sys.argv[2], buffering=0)
print("open", flush=True)
for line in sys.stdin:
    file.write(bytes.fromhex(line))
    print("written", flush=True)
"""


def png(shade: int = 0) -> bytes:
    """A whole picture of one shade."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib.compress(b"".join(b"\0" + bytes([shade]) * 8 for _ in range(8)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Writer:
    """Another program that has a file open, and writes when it is told to."""

    def __init__(self, path: Path, mode: str = "wb", *, inside: tuple[str, ...] = ()) -> None:
        command = [*inside, sys.executable, "-c", WRITER, str(path), mode]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._answer() == "open"

    def write(self, content: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(content.hex() + "\n")
        self.process.stdin.flush()
        assert self._answer() == "written"

    def close(self) -> None:
        self.process.communicate()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def writing() -> Iterator[Callable[..., Writer]]:
    """Starts writers; all are ended with the test."""
    started: list[Writer] = []

    def start(path: Path, mode: str = "wb", *, inside: tuple[str, ...] = ()) -> Writer:
        started.append(Writer(path, mode, inside=inside))
        return started[-1]

    yield start
    for writer in started:
        writer.process.kill()
        writer.process.communicate()


@pytest.fixture
def pairs(site: Installation) -> Installation:
    """A feed of pairs by folder; the label of p1 is there."""
    site.configure(extra=DIRECTORY, specs=[IMAGE, LABEL])
    site.write({"p1/label.json": LABELLED})
    return site


@pytest.fixture
def taking_empty(tmp_path: Path) -> Iterator[Installation]:
    """The same, and a server that takes empty files (protocol §4.6)."""
    with DevServer(Options(data=tmp_path / "backend", empty_files="accept")) as server:
        site = Installation(tmp_path, server)
        site.configure(extra=DIRECTORY, specs=[IMAGE, LABEL])
        site.write({"p1/label.json": LABELLED})
        yield site


def waiting(site: Installation) -> dict[str, str]:
    """What `status` says to wait by itself: path -> reason."""
    feed = site.run("status", "--json").json["feeds"][0]
    return {item["what"]: item["reason"] for item in feed["waiting"]}


def registered(site: Installation) -> list[dict[str, str]]:
    """The collection's units by what they hold, and the proof that nothing else was ever made."""
    units = site.registered()
    created = [event for event in site.server.events() if event["kind"] == "unit"]
    assert len(created) == len(units)
    return units


def with_image(image: bytes) -> dict[str, str]:
    return {"image_1": stored(image), "label_1": stored(LABELLED)}


# ---- open for writing ----------------------------------------------------------------------------------------------


def test_a_file_that_is_written_byte_by_byte_goes_when_its_program_closes_it(
    pairs: Installation, writing: Callable[..., Writer]
) -> None:
    content = b"no format that has an end mark"
    writer = writing(pairs.share / "p1/image.png")
    for position in range(len(content)):
        writer.write(content[position : position + 1])
        if position % 6 == 0:
            outcome = pairs.sync()
            assert outcome.exit_code == 0
            assert outcome.counts["being_written"] == 1
            assert pairs.files()["p1/image.png"] == ("seen", None)
    assert pairs.registered() == []
    writer.close()

    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(content)]


def test_a_file_that_a_program_keeps_open_is_told_with_the_program(
    pairs: Installation, writing: Callable[..., Writer]
) -> None:
    writer = writing(pairs.share / "p1/image.png")
    writer.write(png())
    words = f"{Path(f'/proc/{writer.process.pid}/comm').read_text().strip()} (process {writer.process.pid})"

    printed = pairs.type("once")

    assert printed.exit_code == 0
    assert f"{words} has it open for writing" in " ".join(printed.stdout.split())
    assert "still settling" not in printed.stdout
    assert waiting(pairs) == {"p1/image.png": f"{words} has it open for writing"}
    assert pairs.why("p1/image.png") == f"{words} has it open for writing"
    assert words in pairs.type("why", str(pairs.share / "p1/image.png")).stdout
    assert pairs.type("status").exit_code == 0
    writer.close()
    assert pairs.sync().exit_code == 0
    assert waiting(pairs) == {}
    assert registered(pairs) == [with_image(png())]


def test_a_program_that_only_reads_is_in_nobodys_way(pairs: Installation) -> None:
    pairs.write({"p1/image.png": png()})
    with (pairs.share / "p1/image.png").open("rb"):
        reader = subprocess.Popen(["tail", "-f", pairs.share / "p1/image.png"], stdout=subprocess.DEVNULL)
        try:
            assert pairs.sync().exit_code == 0
        finally:
            reader.kill()
            reader.communicate()
    assert registered(pairs) == [with_image(png())]


def test_a_program_in_a_container_has_another_path_for_the_same_file(
    pairs: Installation, writing: Callable[..., Writer], as_root: None
) -> None:
    """A folder of the share is mounted elsewhere, where nobody else sees it."""
    inside = pairs.folder / "inside"
    inside.mkdir()
    own_mounts = ("unshare", "-m", "sh", "-c", f'mount --bind "{pairs.share}/p1" "{inside}" && exec "$0" "$@"')
    if subprocess.run([*own_mounts, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: no folder can be mounted here")
    writer = writing(inside / "image.png", inside=own_mounts)
    writer.write(b"half")
    assert pairs.sync().counts["being_written"] == 1
    writer.write(b" and half")
    writer.close()

    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(b"half and half")]


def test_a_log_that_is_open_for_ever_keeps_no_unit_waiting_and_nothing_is_written_for_it(
    pairs: Installation, writing: Callable[..., Writer]
) -> None:
    log = writing(pairs.share / "p1/scanner.log", "ab")
    log.write(b"started\n")
    pairs.write({"p1/image.png": png()})

    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png())]
    assert list(waiting(pairs)) == ["p1/scanner.log"]
    before = pairs.ledger_text()
    assert pairs.sync().exit_code == 0
    assert pairs.ledger_text() == before


def test_logs_that_are_rotated_beside_the_data_change_no_unit(
    pairs: Installation, writing: Callable[..., Writer]
) -> None:
    folder = pairs.share / "p1"
    pairs.write({"p1/image.png": png()})
    for turn in range(3):
        log = writing(folder / "scanner.log", "ab")
        log.write(b"turn %d\n" % turn)
        assert pairs.sync().exit_code == 0
        for number in range(turn, 0, -1):
            (folder / f"scanner.log.{number}").rename(folder / f"scanner.log.{number + 1}")
        (folder / "scanner.log").rename(folder / "scanner.log.1")
        log.write(b"the last line goes to the old file\n")
        assert pairs.sync().exit_code == 0
        log.close()

    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png())]
    assert pairs.states() == {"p1": "registered"}
    states = {path: state for path, (state, _) in pairs.files().items() if "log" in path}
    assert states == {"p1/scanner.log": "gone", **{f"p1/scanner.log.{number}": "unmatched" for number in (1, 2, 3)}}


def test_once_gives_an_open_file_the_same_time_again_and_does_not_list_all_the_while(
    pairs: Installation, writing: Callable[..., Writer]
) -> None:
    config = pairs.folder / "config.toml"
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "1s"'))
    writer = writing(pairs.share / "p1/image.png")
    writer.write(png())

    outcome = pairs.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["settling"] <= 5, "a few listings, for 2 s"
    writer.close()
    assert pairs.sync().exit_code == 0
    assert registered(pairs) == [with_image(png())]


# ---- how programs save ---------------------------------------------------------------------------------------------

TEMPORARY = [
    ".image.png.Xa3f2Q",  # rsync
    ".image.png.123456",  # rsync, with bad luck
    ".image.png.~1a2b",  # Nextcloud
    "image.png.tmp",
    "image.png.part",
    ".goutputstream-A1B2C3",  # GNOME
    "image.png~",
]


@pytest.mark.parametrize("name", TEMPORARY)
@pytest.mark.parametrize("anything", [False, True], ids=["files of one type", "files of any type"])
def test_what_is_written_under_another_name_first_goes_once_and_whole(
    site: Installation, name: str, anything: bool
) -> None:
    """The copy is interrupted in the middle, for as long as it may take, and goes on."""
    image = {"name": "image_1", "file_type": "", "extensions": [], "is_required": True} if anything else IMAGE
    site.configure(extra=DIRECTORY, specs=[image, LABEL])
    site.write({"p1/label.json": LABELLED, f"p1/{name}": png()[:50]})
    assert site.sync().exit_code == 0
    assert site.registered() == []
    assert f"p1/{name}" not in site.files()
    (site.share / f"p1/{name}").write_bytes(png())
    assert site.sync().exit_code == 0
    (site.share / f"p1/{name}").rename(site.share / "p1/image.png")

    assert site.sync().exit_code == 0
    assert site.sync().exit_code == 0

    assert registered(site) == [with_image(png())]


def test_an_editor_that_moves_the_old_file_away_and_writes_a_new_one(pairs: Installation) -> None:
    """As Vim does: image.png → image.png~, a new image.png, the old one deleted."""
    pairs.write({"p1/image.png": png(1)})
    folder = pairs.share / "p1"
    pairs.sync("--no-wait")
    (folder / "image.png").rename(folder / "image.png~")
    pairs.sync("--no-wait")
    (folder / "image.png").write_bytes(png(2)[:30])
    assert pairs.sync().exit_code == 0
    (folder / "image.png").write_bytes(png(2))
    assert pairs.sync().exit_code == 0
    (folder / "image.png~").unlink()
    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png(2))]


def test_a_file_copied_with_its_old_time_waits_like_any_other(pairs: Installation) -> None:
    config = pairs.folder / "config.toml"
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "1h"'))
    (pairs.folder / "camera").mkdir()
    original = pairs.folder / "camera/image.png"
    original.write_bytes(png())
    os.utime(original, (1_000_000_000, 1_000_000_000))
    subprocess.run(["cp", "-p", original, pairs.share / "p1/image.png"], check=True)

    assert pairs.sync("--no-wait").exit_code == 0
    assert pairs.sync("--no-wait").exit_code == 0

    assert pairs.files()["p1/image.png"] == ("seen", None)
    config.write_text(config.read_text().replace('settle = "1h"', 'settle = "0s"'))
    assert pairs.sync().exit_code == 0
    assert registered(pairs) == [with_image(png())]


# ---- empty, and cut off --------------------------------------------------------------------------------------------


def cut_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", "a" * 500)
    return made.getvalue()[:-10]


BROKEN = {
    "a PNG": (png()[:60], "ends in the middle: 60 bytes of a PNG without its end mark"),
    "a ZIP": (cut_zip(), "bytes of a ZIP or XLSX file without its end mark"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_without_its_end_waits_and_goes_when_the_rest_has_come(
    pairs: Installation, content: bytes, words: str
) -> None:
    pairs.write({"p1/image.png": content})

    for _ in range(2):
        outcome = pairs.sync()
        assert outcome.exit_code == 0, "it is on its way"
        assert outcome.feed["account"]["in_progress"] == 2
        assert pairs.registered() == []
    reason = waiting(pairs)["p1/image.png"]
    assert words in reason
    assert "it waits for the rest, `retry scans:p1` sends it as it is" in reason
    assert pairs.reason("p1") == pairs.why("p1/image.png") == reason
    assert "ends in the" in pairs.type("once").stdout
    assert pairs.received() == 0
    pairs.write({"p1/image.png": png()})
    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png())]
    assert waiting(pairs) == {}


def test_while_a_file_waits_for_its_rest_it_is_not_read_again_and_nothing_is_written(pairs: Installation) -> None:
    pairs.write({"p1/image.png": png()[:60]})
    pairs.sync()
    before = pairs.ledger_text()

    outcome = pairs.sync()

    assert "incomplete_files" not in outcome.counts
    assert pairs.ledger_text() == before


def test_a_copy_that_stops_and_goes_on_again_and_again_goes_once(pairs: Installation) -> None:
    for end in range(10, len(png()), 7):
        pairs.write({"p1/image.png": png()[:end]})
        assert pairs.sync().exit_code == 0
    pairs.write({"p1/image.png": png()})
    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png())]


def held(site: Installation, content: bytes) -> str:
    """A unit whose image lacks something, and has no time left; the reason."""
    site.configure(extra=DIRECTORY, feed='incomplete_after = "0s"')
    site.write({"p1/image.png": content})
    assert site.sync().exit_code == 1
    assert site.states() == {"p1": "held"}
    assert site.registered() == []
    assert waiting(site) == {}
    return site.reason("p1")


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_after_incomplete_after_its_unit_is_held_and_goes_by_itself_when_the_rest_comes(
    pairs: Installation, content: bytes, words: str
) -> None:
    reason = held(pairs, content)
    assert words in reason
    assert reason.startswith("p1/image.png ")
    assert reason.endswith("; copy it again, or `retry scans:p1` sends it as it is")
    assert pairs.sync().exit_code == 1
    pairs.write({"p1/image.png": png()})

    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png())]


@pytest.mark.parametrize("content", [content for content, _ in BROKEN.values()], ids=BROKEN.keys())
def test_a_person_lets_a_held_one_go_as_it_is(pairs: Installation, content: bytes) -> None:
    held(pairs, content)
    assert pairs.run("retry", "--all").exit_code == 0
    assert pairs.sync().exit_code == 1, "nobody said so of this one"
    assert pairs.states() == {"p1": "held"}

    assert pairs.type("retry", "p1").stdout == "1 unit will be decided again by the next run\n"

    assert pairs.sync().exit_code == 0
    assert registered(pairs) == [with_image(content)]


@pytest.mark.parametrize("content", [b"", png()[:60]], ids=["empty", "cut off"])
def test_a_person_need_not_wait_until_its_time_is_over(taking_empty: Installation, content: bytes) -> None:
    pairs = taking_empty
    pairs.write({"p1/image.png": content})
    assert pairs.sync().exit_code == 0
    assert list(waiting(pairs)) == ["p1/image.png"]

    assert pairs.type("retry", "scans:p1").stdout == "1 unit will be decided again by the next run\n"

    assert pairs.sync().exit_code == 0
    assert registered(pairs) == [with_image(content)]
    assert waiting(pairs) == {}


def test_an_empty_file_that_stays_so_needs_a_person(taking_empty: Installation) -> None:
    pairs = taking_empty
    pairs.configure(extra=DIRECTORY, feed='incomplete_after = "0s"')
    pairs.write({"p1/image.png": b""})
    assert pairs.sync().exit_code == 1
    assert pairs.states() == {"p1": "incomplete"}
    assert pairs.reason("p1") == "lacks image_1 (p1/image.png is empty)"
    assert pairs.run("retry", "--all").exit_code == 0
    assert pairs.sync().exit_code == 1, "nobody said so of this one"

    pairs.run("retry", "p1")

    assert pairs.sync().exit_code == 0
    assert registered(pairs) == [with_image(b"")]


def test_a_server_that_takes_no_empty_file_says_so(pairs: Installation) -> None:
    pairs.write({"p1/image.png": b""})
    pairs.sync()
    pairs.run("retry", "p1")

    assert pairs.sync().exit_code == 1

    assert pairs.states() == {"p1": "held"}
    assert "the server refuses p1/image.png" in pairs.reason("p1")


def test_an_empty_file_goes_when_its_content_has_come(pairs: Installation) -> None:
    pairs.write({"p1/image.png": b""})
    for _ in range(2):
        assert pairs.sync().exit_code == 0
        assert pairs.states() == {"p1": "forming"}
    assert waiting(pairs) == {"p1/image.png": "waits for image_1 (p1/image.png is empty)"}
    pairs.write({"p1/image.png": png()})

    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png())]


def test_a_persons_word_is_for_what_was_there_and_not_for_what_comes_later(pairs: Installation) -> None:
    held(pairs, png()[:60])
    pairs.run("retry", "p1")
    pairs.write({"p1/image.png": png()[:65]})

    assert pairs.sync().exit_code == 1

    assert pairs.states() == {"p1": "held"}
    assert "65 bytes" in pairs.reason("p1")


def test_what_went_as_it_is_may_be_touched(pairs: Installation) -> None:
    held(pairs, png()[:60])
    pairs.run("retry", "p1")
    assert pairs.sync().exit_code == 0
    os.utime(pairs.share / "p1/image.png")

    assert pairs.sync().exit_code == 0

    assert pairs.states() == {"p1": "registered"}
    assert waiting(pairs) == {}
    assert registered(pairs) == [with_image(png()[:60])]


def test_a_registered_units_file_that_is_replaced_slowly_makes_one_new_version_of_the_whole(
    pairs: Installation,
) -> None:
    pairs.configure(extra=DIRECTORY, feed='on_change = "new_unit"')
    pairs.write({"p1/image.png": png(1)})
    assert pairs.sync().exit_code == 0
    for end in (0, 20, 60):
        pairs.write({"p1/image.png": png(2)[:end]})
        assert pairs.sync().exit_code == 0
        assert list(waiting(pairs)) == ["p1/image.png"]
        assert pairs.states() == {"p1": "registered"}
    pairs.write({"p1/image.png": png(2)})
    assert pairs.sync().exit_code == 0

    assert registered(pairs) == [with_image(png(1)), with_image(png(2))]


def test_a_registered_units_file_that_stays_cut_off_needs_a_person(pairs: Installation) -> None:
    pairs.configure(extra=DIRECTORY, feed='on_change = "new_unit"\nincomplete_after = "0s"')
    pairs.write({"p1/image.png": png(1)})
    assert pairs.sync().exit_code == 0
    pairs.write({"p1/image.png": png(2)[:60]})

    assert pairs.sync().exit_code == 1

    assert pairs.states() == {"p1": "registered"}
    [item] = pairs.run("status", "--json").json["feeds"][0]["attention"]
    assert item["what"] == "p1/image.png"
    assert "60 bytes of a PNG without its end mark; copy it again, or `retry scans:p1`" in item["reason"]
    pairs.run("retry", "p1")
    assert pairs.sync().exit_code == 0
    assert registered(pairs) == [with_image(png(1)), with_image(png(2)[:60])]


def test_a_plan_with_checksums_tells_what_would_wait(pairs: Installation) -> None:
    pairs.write({"p1/image.png": png()[:60], "p2/image.png": png(2), "p2/label.json": "another label"})

    [feed] = pairs.run("plan", "--checksum", "--json").json["feeds"]

    assert feed["totals"]["to_register"] == 1
    [p1, p2] = feed["units"]
    assert "ends in the middle" in p1["reason"]
    assert p2["reason"] == ""


def test_a_table_that_is_still_copied_keeps_units_waiting_and_pauses_the_feed_only_in_the_end(
    pairs: Installation,
) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (["id", "age"], ["p1", 45]):
        book.active.append(row)
    book.save(pairs.folder / "meta.xlsx")
    whole = (pairs.folder / "meta.xlsx").read_bytes()
    pairs.write({"p1/image.png": png(), "meta.xlsx": whole[:2000]})
    assert pairs.sync().exit_code == 0
    assert pairs.registered() == []
    before = pairs.ledger_text()
    assert pairs.sync().exit_code == 0
    assert pairs.ledger_text() == before
    assert waiting(pairs)["meta.xlsx"].startswith(
        "the table meta.xlsx ends in the middle: 2,000 bytes of a ZIP or XLSX"
    )
    pairs.configure(extra=DIRECTORY, feed='incomplete_after = "0s"')
    assert pairs.sync().exit_code == 1
    assert waiting(pairs) == {}
    assert "meta.xlsx" in pairs.run("status", "--json").json["feeds"][0]["paused"]
    shutil.copy(pairs.folder / "meta.xlsx", pairs.share / "meta.xlsx")

    assert pairs.sync().exit_code == 0

    [unit] = pairs.server.units(pairs.collection)
    assert unit["meta"]["age"] == 45


def test_the_waiting_time_counts_from_when_the_file_was_first_seen_like_that(pairs: Installation) -> None:
    pairs.configure(extra=DIRECTORY, feed='incomplete_after = "2s"')
    pairs.write({"p1/image.png": png()[:60]})
    assert pairs.sync().exit_code == 0
    pairs.write({"p1/image.png": png()[:65]})
    assert pairs.sync().exit_code == 0
    until(lambda: pairs.sync().exit_code == 1, "the unit is held")

    assert pairs.states() == {"p1": "held"}
    assert "65 bytes" in pairs.reason("p1")


def test_the_daemon_takes_what_is_written_slowly_when_it_is_whole_and_not_before(
    pairs: Installation, writing: Callable[..., Writer]
) -> None:
    """Byte by byte by one program; in pieces, opened anew for each, by another; under another name by a third."""
    pairs.configure(extra=DIRECTORY, head='[schedule]\nrun_every = "1s"')
    with running(pairs):
        pairs.write({"p2/label.json": LABELLED + "2", "p3/label.json": LABELLED + "3"})
        (pairs.share / "p3/.image.png.Xa3f2Q").write_bytes(png(3)[:40])
        slow = writing(pairs.share / "p1/image.png")
        for position, byte in enumerate(png(1)):
            slow.write(bytes([byte]))
            if position % 10 == 0:
                with (pairs.share / "p2/image.png").open("wb") as file:
                    file.write(png(2)[:position])
                time.sleep(0.1)
        until(lambda: {"p1/image.png", "p2/image.png"} <= waiting(pairs).keys(), "both wait")
        assert pairs.registered() == []
        slow.close()
        (pairs.share / "p2/image.png").write_bytes(png(2))
        (pairs.share / "p3/.image.png.Xa3f2Q").write_bytes(png(3))
        (pairs.share / "p3/.image.png.Xa3f2Q").rename(pairs.share / "p3/image.png")
        until(lambda: len(pairs.registered()) == 3, "all are registered")
        until(lambda: set(pairs.states().values()) == {"registered"}, "the ledger knows it")

    assert sorted(unit["image_1"] for unit in registered(pairs)) == sorted(stored(png(n)) for n in (1, 2, 3))
