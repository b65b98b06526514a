"""Where the CPU time of `synapse-sync once` goes: its main thread step by step, its threads all together.

One installation in this process: files of 9 KB, one a unit, into lean_server.py. The time of a thread is its own
(thread_time), so that steps and uploads that run at once are told apart.

    python benchmarks/steps.py [--files 3000] [--latency SECONDS]        informative: there is no target
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TypeVar
from unittest.mock import patch

from installation import TOKEN, counts, lean_server, write_config
from measure import scratch_folder
from processes import print_conditions
from sample_files import write_images

from synapse_sync import runner
from synapse_sync.cli.app import app
from synapse_sync.steps import STEPS, scan

Value = TypeVar("Value")


class Meter:
    """CPU seconds of the calling thread and wall seconds, by name; metered calls must not contain one another."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()

    def metered(self, name: str, act: Callable[..., Value]) -> Callable[..., Value]:
        """`act`, with the time of each call added to `name`."""

        def measured(*arguments: object) -> Value:
            cpu, wall = time.thread_time(), time.perf_counter()
            try:
                return act(*arguments)
            finally:
                self.cpu[name] += time.thread_time() - cpu
                self.wall[name] += time.perf_counter() - wall
                self.calls[name] += 1

        return measured


def main() -> None:
    """One run; exits 1 where it did not register everything."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--files", type=int, default=3000)
    options.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="added to every request")
    chosen = options.parse_args()
    print_conditions()
    meter = Meter()
    metered = tuple(step._replace(act=meter.metered(step.name, step.act)) for step in STEPS)
    patch.object(runner, "STEPS", metered).start()
    patch.object(runner, "scan", meter.metered("scan", scan)).start()
    with scratch_folder() as folder, lean_server(chosen.latency) as url:
        write_images(folder / "share", chosen.files, 9000)
        config = write_config(folder, url, 1)
        os.environ.update(TOKEN)
        cpu, own, wall = time.process_time(), time.thread_time(), time.perf_counter()
        with redirect_stdout(io.StringIO()):
            app(["--config", str(config), "once", "--json"], standalone_mode=False)
        cpu, own, wall = time.process_time() - cpu, time.thread_time() - own, time.perf_counter() - wall
        registered = counts(url)["units"]
    if registered != chosen.files:
        sys.exit(f"{registered} of {chosen.files} units were registered")
    meter.cpu["start, report and the rest"] = own - sum(meter.cpu.values())
    meter.cpu["threads: reading and uploading"] = cpu - own
    for name, seconds in sorted(meter.cpu.items(), key=lambda item: -item[1]):
        calls, waited = meter.calls[name], meter.wall[name]
        detail = f"  {calls:5} calls, {waited:6.2f} s of wall time" if calls else ""
        print(f"{name:31} {seconds / chosen.files * 1e6:6.0f} us CPU a file{detail}")
    print(f"{'all':31} {cpu / chosen.files * 1e6:6.0f} us CPU a file  {wall:.2f} s of wall time")


if __name__ == "__main__":
    main()
