"""Listing a tree into the ledger, and listing it again when nothing has changed, beside find -printf.

The step `scan` runs as in `synapse-sync once`, on a real ledger, in a process of its own. find prints of each file what
an observation holds. The files are empty: only their names and attributes matter here.

    python benchmarks/scan.py [--files 200000] [--folders 2000] [--rounds 5] [--dir FOLDER]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import cast

from measure import scratch_folder, verdict
from processes import Failed, Finished, median, print_conditions, run
from walk import build

TARGET = 3.0
MEMORY = 150  # MB
FIND = ("-type", "f", "-printf", "%p %s %T@ %C@ %i\n")


def main() -> None:
    """One first listing, then unchanged ones and find in turns; exits 1 where a listing does not see what is there."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--files", type=int, default=200_000)
    options.add_argument("--folders", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--dir", type=Path, help="where the tree is made (the system's temporary folder)")
    options.add_argument("--only-scan", type=Path, help=argparse.SUPPRESS)  # in the process that is measured
    chosen = options.parse_args()
    if chosen.only_scan:
        _scan(chosen.only_scan)
        return
    print_conditions()
    try:
        with scratch_folder(chosen.dir) as folder:
            _compare(folder, chosen.files, chosen.folders, chosen.rounds)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    print_conditions()


def _compare(folder: Path, files: int, folders: int, rounds: int) -> None:
    build(folder / "share", files, folders)
    files = files // folders * folders
    (folder / "config.toml").write_text(
        '[server]\nurl = "http://127.0.0.1:9"\n[ledger]\npath = "ledger.db"\n'
        '[[feeds]]\nname = "scans"\ndata_collection = 1\npath = "share"\n'
    )
    first = measured(folder, files, new=files)
    tell("first listing", first, files)
    find: list[Finished] = []
    again: list[Finished] = []
    for _ in range(rounds):
        find.append(run(["find", folder / "share", *FIND], discard=True))
        again.append(measured(folder, files, new=0))
    tell("find -printf", median(find), files)
    tell("unchanged listing", median(again), files)
    verdict("unchanged listing / find", median(again).seconds / median(find).seconds, TARGET, at_least=False)
    verdict("peak memory of the first listing in MB", first.peak_mb, MEMORY, at_least=False)
    verdict("peak memory of an unchanged listing in MB", median(again).peak_mb, MEMORY, at_least=False)


def tell(name: str, result: Finished, files: int) -> None:
    """One line."""
    print(
        f"{name:18} {result.seconds:7.2f} s  {result.seconds / files * 1e6:6.1f} us a file, "
        f"{result.cpu_seconds / files * 1e6:6.1f} us of CPU  {result.peak_mb:5.0f} MB at the peak"
    )


def measured(folder: Path, files: int, *, new: int) -> Finished:
    """One listing, of the feed of folder/config.toml, in a process of its own; its time is that of the step, without
    Python's start. Raises Failed where it does not see so many files.
    """
    result = run([sys.executable, __file__, "--only-scan", folder])
    told = json.loads(result.output)
    if (told["listed"], told["new"]) != (files, new):
        raise Failed(f"the tree has {files} files, {new} of them new; the scan told {told}")
    return result._replace(seconds=told["seconds"], cpu_seconds=told["cpu_seconds"])


def _scan(folder: Path) -> None:
    """What the process that is measured does; prints what the step took and counted."""
    from synapse_sync.assembly import put_to_work
    from synapse_sync.config import ledger_path, load
    from synapse_sync.destinations.base import Destination
    from synapse_sync.ledger import open_for_writing
    from synapse_sync.steps import scan

    class Nowhere:
        name = "nowhere"

    config = load(folder / "config.toml")
    with open_for_writing(ledger_path(config), create=True) as ledger:
        destination = cast(Destination, Nowhere())
        work = put_to_work(config, config.feeds[0], ledger, destination, patient=False, clock=time.time)
        began, used = time.perf_counter(), time.process_time()
        scan(work)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - used
        counts = {name: work.run.counts[name] for name in ("listed", "new", "changed", "gone", "list_requests")}
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, **counts}))


if __name__ == "__main__":
    main()
