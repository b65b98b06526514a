"""What is in the files: nothing, too much, what can't be read, what is no file at all, and real pictures and scans."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from openpyxl import Workbook
from pydicom import dcmread
from pydicom.encaps import generate_frames

from synapse_sync.cli.sample import write_pair

from .conftest import DIRECTORY, PAIR, Installation, stored

REGISTERED = {"image_1": stored("an image"), "label_1": stored("a label")}


def test_an_empty_required_file_counts_as_missing_until_it_is_filled(site: Installation) -> None:
    """It is usually still being written."""
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p1/image.png": ""})

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": "forming"}
    assert site.reason("p1") == "waits for image_1 (p1/image.png is empty)"
    assert site.received() == 0
    site.write(PAIR)
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]


def test_an_empty_optional_file_is_waited_for_as_well(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p1/scan.dcm": ""})

    assert site.sync().exit_code == 0

    assert site.registered() == []
    assert site.reason("p1") == "waits for dicom_1 (p1/scan.dcm is empty)"
    site.write({"p1/scan.dcm": "a scan"})
    assert site.sync().exit_code == 0
    assert site.registered() == [{**REGISTERED, "dicom_1": stored("a scan")}]


def test_an_empty_optional_file_that_stays_so_is_left_out_with_a_reason(site: Installation) -> None:
    """An API takes no empty file as a rule (protocol §4.6)."""
    site.configure(extra=DIRECTORY, feed='incomplete_after = "0s"')
    site.write({**PAIR, "p1/scan.dcm": ""})

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]
    assert site.files()["p1/scan.dcm"] == ("superseded", None)
    assert site.why("p1/scan.dcm") == "p1/scan.dcm is empty"


def test_a_unit_goes_without_an_empty_optional_file_that_is_taken_away(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p1/scan.dcm": ""})
    assert site.sync().exit_code == 0
    (site.share / "p1/scan.dcm").unlink()

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED]


def test_an_empty_file_beside_one_with_content_is_left_out_with_a_reason(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p1/other.png": ""})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.files()["p1/other.png"] == ("superseded", None)
    assert site.why("p1/other.png") == "p1/other.png is empty"
    assert outcome.feed["account"] == {
        "seen": 3,
        "registered": 2,
        "in_progress": 0,
        "aside": 1,
        "registered_bytes": len("an image") + len("a label"),
    }


def test_an_empty_file_that_comes_late_is_late_when_it_is_filled(site: Installation) -> None:
    site.configure(extra=DIRECTORY, feed='late_files = "new_unit"')
    site.write(PAIR)
    site.sync()
    site.write({"p1/scan.dcm": ""})
    assert site.sync().exit_code == 0
    assert site.registered() == [REGISTERED]
    assert site.files()["p1/scan.dcm"] == ("superseded", None)
    site.write({"p1/scan.dcm": "a scan"})

    assert site.sync().exit_code == 0

    assert site.registered() == [REGISTERED, {**REGISTERED, "dicom_1": stored("a scan")}]


# Root may read every file, so that permission is taken from the process: without these two capabilities (Linux:
# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) it is like any other user. For any other user nothing is there to be taken.
WITHOUT_PRIVILEGE = """
import ctypes, os, sys
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
"""
IMPATIENT = "import synapse_sync.cli.sync as sync; sync.RETRYING = 0.0; from synapse_sync.__main__ import main; main()"


def sync_without_privilege(site: Installation) -> subprocess.CompletedProcess[str]:
    """`synapse-sync once` by a process that permissions hold for."""
    command = [sys.executable, "-c", WITHOUT_PRIVILEGE, IMPATIENT, "--config", site.config, "once"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_that_may_not_be_read_holds_up_its_own_unit_alone(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({**PAIR, "p2/image.png": "another image", "p2/label.json": "another label"})
    (site.share / "p2/image.png").chmod(0o000)

    done = sync_without_privilege(site)

    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert "p2/image.png can't be read: uid" in done.stdout
    assert "has no permission" in done.stdout
    assert site.registered() == [REGISTERED]
    status = site.run("status", "--json").json["feeds"][0]
    assert [(item["kind"], item["what"], item["state"]) for item in status["attention"]] == [
        ("file", "p2/image.png", "grouped")
    ]

    (site.share / "p2/image.png").chmod(0o644)

    assert site.sync().exit_code == 0
    assert len(site.registered()) == 2


def test_nothing_is_believed_gone_below_a_folder_that_may_not_be_listed(site: Installation) -> None:
    site.configure(extra=DIRECTORY)
    site.write({"p1/image.png": "an image", "p2/image.png": "another image", "p2/label.json": "another label"})
    assert site.sync().exit_code == 0
    (site.share / "p1").chmod(0o000)

    done = sync_without_privilege(site)

    assert done.returncode == 1
    assert f"the folder {site.share}/p1 can't be listed: uid" in done.stdout
    assert site.states() == {"p1": "forming", "p2": "registered"}
    assert site.files()["p1/image.png"][0] == "grouped"
    (site.share / "p1").chmod(0o755)
    assert site.sync().exit_code == 0


def test_a_file_above_the_limit_is_held_and_goes_when_the_limit_is_raised(site: Installation) -> None:
    site.configure(extra=DIRECTORY, head='[upload]\nmax_file_size = "1KB"')
    site.write({**PAIR, "p2/image.png": b"x" * 1001, "p2/label.json": "another label"})

    assert site.sync().exit_code == 1

    assert site.states() == {"p1": "registered", "p2": "held"}
    assert site.reason("p2") == "p2/image.png has 1001 bytes, [upload] max_file_size is 1000"
    assert site.received() == len("an image") + len("a label")
    site.configure(extra=DIRECTORY, head='[upload]\nmax_file_size = "2KB"')
    assert site.sync().exit_code == 0
    assert site.states() == {"p1": "registered", "p2": "registered"}


def test_what_is_no_regular_file_is_counted_and_never_opened(site: Installation) -> None:
    """Opening the FIFO would wait for ever."""
    site.configure(extra=DIRECTORY)
    site.write({"p1/label.json": "a label"})
    os.mkfifo(site.share / "p1/image.png")
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(site.share / "p1", os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/scan.dcm")  # a socket's path may have 107 bytes at most
        os.close(folder)

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert outcome.counts["special"] == 2
    assert site.states() == {"p1": "forming"}
    assert site.files().keys() == {"p1/label.json"}


@pytest.mark.parametrize(("follow", "state"), [("false", "forming"), ("true", "registered")])
def test_symbolic_links_are_followed_only_where_the_config_says_so(site: Installation, follow: str, state: str) -> None:
    site.configure(extra=DIRECTORY, feed=f"follow_symlinks = {follow}")
    (site.folder / "elsewhere.png").write_bytes(b"an image")
    site.write({"p1/label.json": "a label"})
    (site.share / "p1/image.png").symlink_to(site.folder / "elsewhere.png")
    (site.share / "p1/loop").symlink_to(site.share)
    (site.share / "p1/nowhere.png").symlink_to("nothing")

    assert site.sync().exit_code == 0

    assert site.states() == {"p1": state}


KINDS = [
    {"name": "dicom_1", "file_type": "medical", "extensions": [".dcm"], "is_required": True},
    {"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True},
    {"name": "photo_1", "file_type": "image", "extensions": [".jpg"], "is_required": False},
    {"name": "table_1", "file_type": "data", "extensions": [".xlsx"], "is_required": True},
    {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True},
]
DICOM_FILES = files("pydicom") / "data" / "test_files"


def write_patient(folder: Path, number: int, dicom: str) -> None:
    """A DICOM file as it came from a scanner, a PNG with its label, a spreadsheet, and a JPEG out of another DICOM."""
    write_pair(folder / "made", number)
    for made in sorted((folder / "made").rglob("cells_*")):
        made.rename(folder / f"cells{made.suffix}")
    (folder / "scan.dcm").write_bytes((DICOM_FILES / dicom).read_bytes())
    frame = next(generate_frames(dcmread(str(DICOM_FILES / "SC_rgb_jpeg_dcmtk.dcm")).PixelData, number_of_frames=1))
    (folder / "photo.jpg").write_bytes(frame.rstrip(b"\0") + bytes([number]))
    sheet = Workbook()
    sheet.active.append(["patient", number])
    sheet.save(folder / "values.xlsx")


def test_real_scans_pictures_and_tables_arrive_byte_for_byte(site: Installation) -> None:
    site.configure(extra=DIRECTORY, specs=KINDS)
    for number, dicom in enumerate(["CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm"], start=1):
        write_patient(site.share / f"patient_{number}", number, dicom)

    assert site.sync().exit_code == 0

    units = site.server.units(site.collection)
    assert {unit["meta"]["data_unit_key"] for unit in units} == {"patient_1", "patient_2", "patient_3"}
    kept = {path.read_bytes() for path in (site.server.options.data / "contents").rglob("*") if path.is_file()}
    for unit in units:
        assert unit["files"].keys() == {spec["name"] for spec in KINDS}
        for file in unit["files"].values():
            content = (site.share / file["path"]).read_bytes()
            assert content in kept
            assert file["checksum"] == stored(content)
