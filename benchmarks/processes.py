"""A program in a process of its own: how long it took, its CPU time and its memory at the peak; and on what machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Finished(NamedTuple):
    """One process that ended: wall and CPU seconds (user and system), peak resident memory in MB (10^6 bytes)."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


class Failed(Exception):
    """The program did not do what the benchmark needs: its figures would mean nothing."""


def run(
    arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None, *, discard: bool = False
) -> Finished:
    """Run it to its end. What it prints is its output, or goes to /dev/null; standard error is passed on.

    Raises Failed where it does not end with 0. Keep this process small: a child's peak begins with its parent's size.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL if discard else subprocess.PIPE, text=True,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    output = ""
    if process.stdout is not None:
        with process.stdout:
            output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        command = " ".join(str(argument) for argument in arguments)
        raise Failed(f"{command} ended with {process.returncode}: {output[:1000]}")
    return Finished(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, output)


def median(runs: Iterable[Finished]) -> Finished:
    """The median of each figure by itself; the output of the last run."""
    runs = list(runs)
    figures = (statistics.median(getattr(one, name) for one in runs) for name in Finished._fields[:3])
    return Finished(*figures, runs[-1].output)


def tell(name: str, result: Finished, files: int, size: int) -> None:
    """One line: what sending so many files of `size` bytes each took."""
    each = result.seconds / files
    print(
        f"  {name:18}{result.seconds:8.2f} s {1 / each:9,.1f} files/s {size / each / 1e6:7,.1f} MB/s "
        f"{result.cpu_seconds / files * 1e3:9,.2f} ms CPU a file {result.peak_mb:5.0f} MB at the peak"
    )


def print_conditions() -> None:
    """One line: the processor, what else is running on it, and the versions of what decides speed."""
    described = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in described if line.startswith("model name"))
    model = next(named, platform.machine())
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    noise = " (NOISY: more is running than there are cores; trust the ratios only)" if load > cores else ""
    print(
        f"{cores} cores of {model}, load {load:.1f}{noise}; Linux {platform.release()}, "
        f"Python {platform.python_version()} ({Path(sys.executable).parent.parent.name})"
    )
