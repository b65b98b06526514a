"""Whatever happens to the files, in whatever order, while the server fails: in the end everything complete is
registered, once, with its task, and the ledger is sound after every single run.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .account import problems_of
from .conftest import DIRECTORY, IMAGE, Installation, stored

SPECS = [
    IMAGE,
    {"name": "label_1", "file_type": "data", "extensions": [".json"], "is_required": True},
    {"name": "video_1", "file_type": "video", "extensions": [".mp4"], "is_required": False},
]
NAMES = {"image_1": "image.png", "label_1": "label.json", "video_1": "video.mp4"}
FOLDERS = ("p1", "p2", "p3")
CONTENTS = ("A", "B", "C", "", "a longer one")
ROUTES = (
    "GET v2/data-collections/{id}/",
    "POST data_files/verify_checksums/",
    "POST data_files/",
    "PUT object/",
    "POST v2/data-collections/{id}/finalize-upload/",
    "POST v2/data-units/bulk-create/",
    "POST v2/tasks/bulk-create/",
    "*",
)
FAULTS = ("drop_before", "drop_after", "cut_body", "html", "status")


class Somebody:
    """Changes files and breaks the server as its dice say; `told` is what it did, for when a test fails."""

    def __init__(self, seed: int, site: Installation) -> None:
        self.dice = random.Random(seed)
        self.site = site
        self.told: list[object] = []

    def file(self) -> Path:
        """Any of the files."""
        return self.site.share / self.dice.choice(FOLDERS) / self.dice.choice(list(NAMES.values()))

    def act(self) -> None:
        """One change."""
        deed = self.dice.choice(
            [self.write, self.write, self.write, self.delete, self.move, self.touch, self.rename_folder]
        )
        path = self.file()
        if deed == self.write or path.exists():
            deed(path)

    def write(self, path: Path) -> None:
        content = self.dice.choice(CONTENTS)
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        self.told.append(("write", str(path), content))

    def delete(self, path: Path) -> None:
        path.unlink()
        self.told.append(("delete", str(path)))

    def move(self, path: Path) -> None:
        target = self.site.share / self.dice.choice(FOLDERS) / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        self.told.append(("move", str(path), str(target)))

    def touch(self, path: Path) -> None:
        os.utime(path)
        self.told.append(("touch", str(path)))

    def rename_folder(self, path: Path) -> None:
        target = self.site.share / self.dice.choice(FOLDERS)
        if not target.exists():
            path.parent.rename(target)
            self.told.append(("rename", str(path.parent), str(target)))

    def break_the_server(self) -> None:
        route, kind, after = self.dice.choice(ROUTES), self.dice.choice(FAULTS), self.dice.randrange(3)
        status = {"code": self.dice.choice([400, 500, 503])} if kind == "status" else {}
        self.site.server.fault(route, kind, times=self.dice.choice([1, 2, None]), after=after, **status)
        self.told.append(("fault", route, kind, after, status))

    def decide(self) -> None:
        policies = [self.dice.choice(["hold", "new_unit"]) for _ in range(2)]
        configure(self.site, *policies)
        self.told.append(("config", policies))


def configure(site: Installation, on_change: str, late_files: str) -> None:
    """The config with these two policies."""
    feed = f'on_change = "{on_change}"\nlate_files = "{late_files}"'
    site.configure(specs=SPECS, extra=DIRECTORY, head='api = "v2"', feed=feed, project=True)


@pytest.mark.parametrize("seed", range(12))
def test_everything_complete_is_registered_once(site: Installation, impatient: None, seed: int) -> None:
    somebody = Somebody(seed, site)
    somebody.decide()
    for _ in range(8):
        for _ in range(somebody.dice.randint(1, 5)):
            somebody.act()
        if somebody.dice.random() < 0.5:
            somebody.break_the_server()
        if somebody.dice.random() < 0.1:
            somebody.decide()
        site.sync()
        assert problems_of(site.ledger) == [], somebody.told
        site.server.clear_faults()
    configure(site, "new_unit", "new_unit")
    for _ in range(3):
        site.run("retry", "--all")
        last = site.sync()

    assert last.exit_code == 0, somebody.told
    assert set(site.states().values()) <= {"registered", "duplicate", "forming"}, somebody.told
    assert_each_once(site, somebody.told)
    before = site.ledger_text()
    site.sync()
    assert site.ledger_text() == before, "a run that finds nothing new writes nothing"


def assert_each_once(site: Installation, told: list[object]) -> None:
    """No two units are made of the same, each has one task, and each complete folder is one of them.

    A folder's unit may have more: a file that is deleted later is not taken back. Files that were moved in from a
    registered unit stay that unit's.
    """
    units = site.server.units(site.collection)
    made = [frozenset((spec, file["checksum"]) for spec, file in unit["files"].items()) for unit in units]
    assert len(set(made)) == len(made), told
    tasks = sorted(task["data_unit"] for task in site.server.tasks(site.project))
    assert tasks == [unit["id"] for unit in units], told
    for folder in FOLDERS:
        paths = {spec: site.share / folder / name for spec, name in NAMES.items()}
        there = {spec: path for spec, path in paths.items() if path.exists() and path.stat().st_size}
        homes = {site.files()[str(path.relative_to(site.share))][1] for path in there.values()}
        at_home = all(home is None or home.startswith(f"scans:{folder}") for home in homes)
        if {"image_1", "label_1"} <= there.keys() and at_home:
            content = frozenset((spec, stored(path.read_bytes())) for spec, path in there.items())
            assert any(content <= unit for unit in made), (folder, told)
