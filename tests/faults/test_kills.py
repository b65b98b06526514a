"""SIGKILL from outside, at any instant and at the worst ones, while more files arrive: each unit is there once.

SYNAPSE_SYNC_KILLS=n: so many kills on each way. The dice are those of the printed seed; instants are the machine's.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.account import problems_of

from .chosen import ALL, SEED, chosen
from .hurry import KIB, LARGE, MEDIUM
from .oracle import come_to_rest, judge, judge_rest
from .phases import PHASES, Start, phase, standing
from .workload import UNITS, WAYS, Site, content

KILLS = int(os.environ.get("SYNAPSE_SYNC_KILLS", "70" if ALL else "4"))
ENOUGH = 40  # kills of one way from which on each phase must have had its share
LONGEST = 3.0  # seconds that an instant is waited for: it may not come, and the process be held up for ever
ROOT = Path(__file__).parents[2]
FOLDERS = 1000  # empty ones, so that listing takes its time
SLOW = 48 << 20  # bytes of a file that takes its time to be read: nearly all of it is a hole

AIMS = ("list", "checksum", "send", "server ahead", "register", "task", "reconcile", "anything")


class Storm:
    """Kills, one after the other; `told` is what was done, for when the test fails."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.dice = random.Random(f"{SEED} {site.way.name}")
        self.told: list[object] = []
        self.phases: Counter[str] = Counter()
        self.slow = site.share / "p1" / "image.png"
        self._aims: list[str] = []

    def kill(self) -> None:
        """Start a process and kill it in the phase that is its turn, if it can be met."""
        aim = self._aim()
        size = self.dice.choice([0, 0, KIB, MEDIUM, LARGE])
        if aim not in ("checksum", "reconcile"):
            self._more_files(size)
        if aim == "reconcile":
            self._lose(self.site.way.register)
        route, processed = self._held_up(aim, size)
        if route:
            self.site.server.fault(route, "hang", processed=processed, after=0)
        if aim == "checksum":
            os.utime(self.slow)
        start = standing(self.site)
        self._run_and_kill(start, aim, self._instant(start, aim, route))
        self.site.server.clear_faults()

    def killed(self) -> int:
        """How many processes did not end by themselves."""
        return sum(self.phases.values()) - self.phases["ended"]

    def _aim(self) -> str:
        if not self._aims:
            self._aims = self.dice.sample(AIMS, len(AIMS))
        return self._aims.pop()

    def _more_files(self, size: int = 0) -> None:
        """One more unit: of small or larger files, some of them known, some with an optional one."""
        number = len(self.site.expected) + 1
        files = {"image_1": content(f"image {number}", size), "label_1": content(f"label {number}")}
        if self.dice.random() < 0.3:
            files["label_1"] = self.dice.choice(list(self.site.expected.values()))["label_1"]
        if self.dice.random() < 0.3:
            files["dicom_1"] = content(f"scan {number}", self.dice.choice([0, MEDIUM]))
        self.site.add({f"p{number}": files})

    def _held_up(self, aim: str, size: int) -> tuple[str, bool]:
        """The request that gets no answer, and whether the server acts on it first."""
        way = self.site.way
        looking = "GET data_units/" if way.api == "v1" else way.register
        small, *large = (
            ["PUT object/", "PUT object/part/", way.confirm]
            if way.presigned
            else ["POST data_files/", "PUT chunked_upload/", "PUT chunked_upload/{id}/", "POST chunked_upload/{id}/"]
        )
        routes = {
            "send": large if size == LARGE else [small],
            "server ahead": [way.confirm, way.register, way.tasks],
            "register": [way.register],
            "task": [way.tasks],
            "reconcile": [looking],
        }
        return (self.dice.choice(routes[aim]), aim == "server ahead") if aim in routes else ("", False)

    def _lose(self, route: str) -> None:
        """A run whose registration gets no answer, so that the next one has to look for it."""
        self._more_files()
        self.site.server.fault(route, "hang", processed=self.dice.random() < 0.5)
        start = standing(self.site)
        self._run_and_kill(start, "a loss", lambda: self._asked(start, route))
        self.site.server.clear_faults()

    def _asked(self, start: Start, route: str) -> bool:
        return self.site.requests(route) > start.requests.get(route, 0)

    def _instant(self, start: Start, aim: str, route: str) -> Callable[[], bool]:
        """What must hold when the process is killed."""
        due = time.monotonic() + self.dice.uniform(0.2, 1.2)
        if aim == "list":
            opened = "GET v2/data-collections/{id}/" if self.site.way.api == "v2" else "GET data_collections/{id}/"
            return lambda: self._asked(start, opened)
        if aim == "anything":
            return lambda: time.monotonic() > due
        if aim in ("checksum", "server ahead"):
            return lambda: (aim == "checksum" or self._asked(start, route)) and phase(self.site, start) == aim
        return lambda: self._asked(start, route)

    def _run_and_kill(self, start: Start, aim: str, instant: Callable[[], bool]) -> None:
        command = [sys.executable, "-m", "tests.faults.child", "--config", self.site.config, "once"]
        environment = {**os.environ, "SYNAPSE_SYNC_MANY": self.dice.choice(["1", "1000"])}
        victim = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        more = self.dice.random() < 0.2
        deadline = time.monotonic() + LONGEST
        while victim.poll() is None and not instant() and time.monotonic() < deadline:
            time.sleep(0.002)
        if more:
            self._more_files()
        time.sleep(self.dice.choice([0, 0, self.dice.uniform(0, 0.02)]))
        victim.kill()
        _, said = victim.communicate()
        assert "Traceback" not in said, said
        met = phase(self.site, start) if victim.returncode == -9 else "ended"
        self.phases[met] += 1
        self.told.append((aim, met))
        if self.site.ledger.exists():
            assert problems_of(self.site.ledger) == [], self.told


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", chosen(list(WAYS), 1, "kills"))
def test_a_storm_of_kills(
    site_of: Callable[..., Site], record_property: Callable[[str, object], None], way: str
) -> None:
    site = site_of(way)
    site.set_up({**UNITS, "p1": {**UNITS["p1"], "image_1": slow_content()}})
    for number in range(FOLDERS):
        (site.share / f"empty{number}").mkdir()
    storm = Storm(site)

    while storm.killed() < KILLS:
        storm.kill()

    record_property("kills", f"{way}: {dict(sorted(storm.phases.items()))}")
    come_to_rest(site)
    judge(site)
    judge_rest(site)
    if KILLS >= ENOUGH:
        missed = [one for one in PHASES if not storm.phases[one]]
        assert not missed, f"no kill in {missed}: {storm.told}"


def slow_content() -> bytes:
    """What takes a moment to be read."""
    return content("slow") + bytes(SLOW)
