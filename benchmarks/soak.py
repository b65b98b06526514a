"""`run` for a long time while files arrive, the server fails in every way, and both are killed and started again.

    python benchmarks/soak.py [--minutes 10] [--hours H] [--api v2] [--seed N]

For two thirds of the time the daemon is ended every now and then (SIGKILL or SIGTERM), and the server too; in the last
third it lives on, so that its memory and descriptors tell whether anything is lost bit by bit. In the end each unit
must be there exactly once, by the server's own log. Exits 1 where that, or a target, is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from installation import free_port
from measure import scratch_folder, verdict
from processes import Failed, print_conditions
from usage import Usage, usage

from synapse_sync.devserver import DevServer, Options
from synapse_sync.ledger import integrity_problems

MEMORY, DESCRIPTORS = 1.15, 1.1  # how much more may be in use at the end of the last third than at its beginning
REST = 600.0  # seconds in which everything must be done once nothing fails any more
SETTLED = 45.0  # seconds of a life that are not counted: caches fill

REGISTER = {"v1": "POST data_units/", "v2": "POST v2/data-units/bulk-create/"}
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("drop_before", {}), ("drop_after", {}), ("delay", {"seconds": 2.0}), ("delay", {"seconds": 2.0, "when": "after"}),
    ("cut_body", {}), ("status", {"code": 503}), ("status", {"code": 502, "processed": True}),
    ("status", {"code": 429, "retry_after": 2}), ("status", {"code": 500}), ("html", {}),
)  # fmt: skip
"""What may happen to any request."""


class Soak:
    """One feed, its server, and all that happens to them. arrive(), fail() and end() are called in turns."""

    def __init__(self, folder: Path, server: DevServer, api: str, dice: random.Random) -> None:
        self._folder, self._server, self._dice = folder, server, dice
        self.share = folder / "share"
        self.share.mkdir()
        specs = [
            {"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True},
            {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True},
        ]
        self.collection = server.create_collection("scans", specs=specs)
        self.wanted: dict[str, dict[str, str]] = {}
        self.happened: Counter[str] = Counter()
        self.daemon: subprocess.Popen[bytes] | None = None
        (folder / "config.toml").write_text(
            f'[server]\nurl = "{server.url}"\napi = "{api}"\nread_timeout = "5s"\n[ledger]\npath = "ledger.db"\n'
            '[schedule]\nrun_every = "5s"\nrescan_every = "30s"\nbackup_every = "1m"\naudit_every = "2m"\n'
            f'[[feeds]]\nname = "scans"\ndata_collection = {self.collection}\npath = "share"\nsettle = "1s"\n'
            'wait_optional = "0s"\n[feeds.grouping]\nby = "directory"\n'
        )

    def start(self) -> None:
        """Start the daemon."""
        command = [sys.executable, "-m", "synapse_sync", "--config", str(self._folder / "config.toml"), "run"]
        environment = {
            **os.environ, "SYNAPSE_ACCESS_TOKEN": self._server.options.token, "XDG_RUNTIME_DIR": str(self._folder),
        }  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self.daemon = subprocess.Popen(command, env=environment, stderr=log, stdout=log)

    def end(self, number: int) -> None:
        """End the daemon by a signal. Raises Failed where it had ended by itself, or ends badly."""
        assert self.daemon is not None
        if self.daemon.poll() is None:
            self.daemon.send_signal(number)
        code = self.daemon.wait(120)
        if code != (0 if number == signal.SIGTERM else -number):
            raise Failed(f"the daemon ended with {code}: see {self._folder / 'log'}")
        self.happened[signal.Signals(number).name] += 1

    def arrive(self) -> None:
        """One thing that people do: some new units, whole or in pieces, or a folder with a new name."""
        act = self._dice.choices(
            (self._whole, self._slowly, self._moved_in, self._many, self._renamed), (5, 2, 2, 1, 1)
        )[0]
        act()
        self.happened[act.__name__.strip("_")] += 1

    def fail(self) -> None:
        """One thing that goes wrong with the server."""
        if self._dice.random() < 0.15:
            self._server.stop()
            time.sleep(self._dice.uniform(1, 6))
            self._server.start()
            self.happened["server restarted"] += 1
            return
        kind, parameters = self._dice.choice(FAULTS)
        self._server.fault("*", kind, times=self._dice.randint(1, 4), after=self._dice.randint(0, 6), **parameters)
        self.happened[kind] += 1

    def _new(self) -> tuple[Path, dict[str, bytes]]:
        key = f"unit_{len(self.wanted):06}"
        files = {
            "image.png": b"\x89PNG" + key.encode() + self._dice.randbytes(self._dice.choice((200, 9_000, 300_000))),
            "label.json": f'{{"of": "{key}"}}'.encode(),
        }
        self.wanted[key] = {name: hashlib.sha1(data, usedforsecurity=False).hexdigest() for name, data in files.items()}
        return self.share / key, files

    def _whole(self) -> None:
        folder, files = self._new()
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)

    def _many(self) -> None:
        for _ in range(30):
            self._whole()

    def _slowly(self) -> None:
        folder, files = self._new()
        folder.mkdir()
        for name, data in files.items():
            with (folder / name).open("wb") as file:
                for at in range(0, len(data), max(len(data) // 3, 1)):
                    file.write(data[at : at + max(len(data) // 3, 1)])
                    file.flush()
                    time.sleep(0.3)

    def _moved_in(self) -> None:
        folder, files = self._new()
        outside = self._folder / "outside"
        outside.mkdir()
        for name, data in files.items():
            (outside / name).write_bytes(data)
        outside.rename(folder)

    def _renamed(self) -> None:
        """A folder gets another name: one that is registered stays what it is, another becomes a unit by that name."""
        folders = sorted(path for path in self.share.iterdir() if "-" not in path.name)
        if folders:
            folder = self._dice.choice(folders)
            folder.rename(folder.with_name(f"{folder.name}-again"))

    def registered(self) -> int:
        """How many units the server has."""
        return len(self._server.units(self.collection))

    def judge(self) -> list[str]:
        """What is wrong with what the server has, by the contents of the units that it says it made."""
        events = self._server.events()
        contents = {
            event["detail"]["checksum"]: event["detail"]["sha1"]
            for event in events if event["kind"] in ("data_file", "data_file_again")
        }  # fmt: skip
        made = Counter(
            frozenset(contents[file["checksum"]] for file in event["detail"]["files"].values())
            for event in events if event["kind"] == "unit"
        )  # fmt: skip
        wanted = {frozenset(files.values()): key for key, files in self.wanted.items()}
        lost = [f"lost: {key}" for unit, key in wanted.items() if unit not in made]
        twice = [f"{count} times: {wanted.get(unit, unit)}" for unit, count in made.items() if count > 1]
        strange = [f"nobody wanted {unit}" for unit in made if unit not in wanted]
        return [*lost, *twice, *strange, *integrity_problems(self._folder / "ledger.db")]


def main() -> None:
    """Soak, rest, judge."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--hours", type=float, default=0.0)
    options.add_argument("--api", choices=("v1", "v2"), default="v2")
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    print_conditions()
    print(f"--seed {chosen.seed} --api {chosen.api}")
    seconds = chosen.hours * 3600 or chosen.minutes * 60
    with scratch_folder() as folder, backend(folder) as server:
        soak = Soak(folder, server, chosen.api, random.Random(chosen.seed))
        samples: list[tuple[float, Usage]] = []
        soak.start()
        try:
            live(soak, seconds * 2 / 3, random.Random(chosen.seed), ending=True, samples=[])
            live(soak, seconds / 3, random.Random(chosen.seed), ending=False, samples=samples)
            server.clear_faults()
            took = rest(soak)
            soak.end(signal.SIGTERM)
        finally:
            if soak.daemon is not None and soak.daemon.poll() is None:
                soak.daemon.kill()
            if sys.exc_info()[0] is not None:
                print((folder / "log").read_text()[-5000:])
        wrong = soak.judge()
        print(", ".join(f"{count} {what}" for what, count in sorted(soak.happened.items())))
        print(f"{len(soak.wanted):,} units, of which wrong: {len(wrong)}; done {took:.0f} s after the last fault")
        print("\n".join(wrong[:20]))
        sys.exit(0 if flat(samples) and not wrong else 1)


def backend(folder: Path) -> DevServer:
    """A server that comes back at the same address."""
    return DevServer(Options(data=folder / "backend", port=free_port(), storage_port=free_port()))


def live(soak: Soak, seconds: float, dice: random.Random, *, ending: bool, samples: list[tuple[float, Usage]]) -> None:
    """Let things happen for so long; `ending`: the daemon too is ended and started again."""
    stopping = threading.Event()
    troubles: list[BaseException] = []

    def again(act: Callable[[], object], least: float, most: float) -> None:
        while not stopping.wait(dice.uniform(least, most)):
            try:
                act()
            except BaseException as error:  # noqa: BLE001 - raised again below
                troubles.append(error)
                stopping.set()

    def restart() -> None:
        soak.end(dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        time.sleep(dice.uniform(0, 3))
        soak.start()

    def sample() -> None:
        assert soak.daemon is not None
        samples.append((time.monotonic(), usage(soak.daemon.pid)))

    chores: list[tuple[Callable[[], object], float, float]] = [(soak.arrive, 0.2, 2.0), (soak.fail, 1.0, 8.0)]
    chores.append((restart, 5.0, 40.0) if ending else (sample, 2.0, 2.0))
    threads = [threading.Thread(target=again, args=chore) for chore in chores]
    for thread in threads:
        thread.start()
    stopping.wait(seconds)
    stopping.set()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def rest(soak: Soak) -> float:
    """Seconds until the server has as many units as were wanted, and no more come."""
    began = time.monotonic()
    while soak.registered() < len(soak.wanted):
        if time.monotonic() - began > REST:
            break
        time.sleep(1.0)
    took = time.monotonic() - began
    time.sleep(15.0)
    return took


def flat(samples: list[tuple[float, Usage]]) -> bool:
    """Whether memory and descriptors are at the end what they were at the beginning, SETTLED seconds left out."""
    later = [used for at, used in samples if at - samples[0][0] >= SETTLED]
    if len(later) < 8:
        print("too short to tell whether anything grows")
        return True
    part = len(later) // 4
    reached = True
    for what, most in (("rss", MEMORY), ("descriptors", DESCRIPTORS)):
        first, last = (
            statistics.median(getattr(used, what) for used in some) for some in (later[:part], later[-part:])
        )
        print(f"{what}: {first:.1f} at first, {last:.1f} at last")
        reached &= verdict(f"  {what}, last / first", last / first, most, at_least=False)
    return reached


if __name__ == "__main__":
    main()
