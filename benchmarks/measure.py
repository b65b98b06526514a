"""Time and memory, side by side: what the benchmarks of this folder share."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def medians(runs: int, **subjects: Callable[[], object]) -> Mapping[str, float]:
    """Seconds that each subject takes, the median of `runs`; they take turns, so that all meet the same noise."""
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, run in subjects.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def memory_growth(run: Callable[[], object]) -> float:
    """MiB by which this process's resident memory rose above where it began, at its peak during `run`."""
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to the present size
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) / 1024


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder of its own under `parent` (default: the system's temporary folder), removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="synapse-sync-benchmark-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def verdict(what: str, ratio: float, target: float, *, at_least: bool, stretch: float | None = None) -> bool:
    """Print one line with the ratio and its target (`stretch`: a better one yet); says whether it was reached."""
    reached = ratio >= target if at_least else ratio <= target
    wish = "" if stretch is None else f", better {stretch}"
    sign = ">=" if at_least else "<="
    print(f"{what}: {ratio:.2f} (target {sign} {target}{wish}) {'reached' if reached else 'MISSED'}")
    return reached


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(field)
