"""Whatever order files, sidecars and tables come, change, move and go in: runs end, units are stable, meta agrees."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from .conftest import IMAGE, Installation

DATA = {"name": "data_1", "file_type": "data", "extensions": [".txt"], "is_required": False}
GROUPINGS = (
    'by = "stem"',
    'by = "directory"',
    'by = "pattern"\nkey = "(?P<kind>[a-c])[0-9]"\nunit_key = "{kind}"',
)
PNG = b"\x89PNG\r\n\x1a\n"
NAMES = [f"{folder}{kind}{number}" for folder in ("", "p/", "q/") for kind in "abc" for number in "12"]
TABLE = "meta.csv"


class Somebody:
    """Does things to a share."""

    def __init__(self, site: Installation, seed: int) -> None:
        self.dice = random.Random(seed)
        self._site = site
        self._acts = [
            self.image,
            self.image,
            self.bare,
            self.text,
            self.sidecar,
            self.sidecar,
            self.table,
            self.remove,
            self.move,
        ]

    def act(self) -> None:
        self.dice.choice(self._acts)()

    def image(self) -> None:
        self._write(self._name() + ".png", PNG + self.dice.randbytes(8))

    def bare(self) -> None:
        self._write(self._name(), PNG + self.dice.randbytes(8))

    def text(self) -> None:
        self._write(self._name() + ".txt", self.dice.choice([b"", b"x", b"yy"]))

    def sidecar(self) -> None:
        name = self.dice.choice([self._name() + ".meta.json", self._name() + ".json", "p/meta.json", "meta.yaml"])
        content = json.dumps({"age": self.dice.randrange(4)}) if self.dice.random() < 0.9 else "{bad"
        self._write(name, content.encode())

    def table(self) -> None:
        rows = [f"{name},{self.dice.randrange(4)}" for name in self.dice.sample(NAMES, 9)]
        self._write(TABLE, "\n".join(["filename,site", *rows, "a,1", "p,2"]).encode())

    def remove(self) -> None:
        for file in self._some_file():
            file.unlink()

    def move(self) -> None:
        for file in self._some_file():
            target = self._site.share / (self._name() + file.suffix)
            target.parent.mkdir(exist_ok=True)
            file.rename(target)

    def _some_file(self) -> list[Path]:
        files = sorted(path for path in self._site.share.rglob("*") if path.is_file())
        return [self.dice.choice(files)] if files else []

    def _name(self) -> str:
        return self.dice.choice(NAMES)

    def _write(self, name: str, content: bytes) -> None:
        self._site.write({name: content})


@pytest.mark.parametrize("seed", range(18))
def test_runs_end_units_are_stable_and_the_server_has_what_the_ledger_says(site: Installation, seed: int) -> None:
    somebody = Somebody(site, seed)
    policy = somebody.dice.choice(["hold", "new_unit", "ignore"])
    site.configure(
        specs=[{**IMAGE, "file_type": "image"}, DATA],
        head='api = "v2"',
        feed=f'on_change = "{policy}"\nlate_files = "{policy}"',
        extra=f'[feeds.grouping]\n{GROUPINGS[seed % 3]}\non_ambiguous = "newest"\n'
        "[feeds.metadata]\nsidecar = true\nupdate_meta = true\n",
    )
    for _ in range(4):
        for _ in range(somebody.dice.randrange(1, 10)):
            somebody.act()
        assert site.sync().exit_code in (0, 1)
        units = len(site.server.units(site.collection))
        assert site.sync().exit_code in (0, 1)
        assert len(site.server.units(site.collection)) == units, "a run without changes makes no unit"

    waiting = site.rows("SELECT key FROM units WHERE state = 'complete' AND awaits = 'sidecar'")
    assert waiting == [], "every sidecar has settled"
    on_server = {unit["id"]: unit["meta"] for unit in site.server.units(site.collection)}
    for server_id, meta in site.rows("SELECT server_id, meta FROM units WHERE state = 'registered'"):
        assert on_server[server_id] == json.loads(meta)
