"""`synapse-sync once` against the real SDK's upload_data_collection: the same files, one server, one run, taking turns.

Both run in a process of their own, with their own defaults, each time on files that neither the server nor a ledger has
seen. Compared are whole processes (start, listing, checksums, ledger and all) and, harder on us, our whole process with
the SDK's one call alone. The server is lean_server.py; wrk tells how much more of it was there to be had.

    python benchmarks/end_to_end.py [--sdk-python PATH] [--files N] [--rounds N]

The SDK's Python may also be named by SYNAPSE_SDK_PYTHON; without either a venv with it is made (needs Python 3.12).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from installation import TOKEN, counts, lean_server, write_config
from measure import scratch_folder, verdict
from processes import Failed, Finished, median, print_conditions, run
from sample_files import write_images, write_pairs
from sdk_venv import sdk_python

HERE = Path(__file__).parent
TARGET = 1.5
MEMORY = 150  # MB
SIZE = 9000  # bytes a file: what protocol §7 has production figures of


class Variant(NamedTuple):
    """What is sent: `write` makes the files; collection is one of lean_server.COLLECTIONS; latency in seconds.

    part: of the files that are asked for, how many are enough where the time goes into waiting.
    """

    name: str
    write: Callable[[Path, int, int], None]
    collection: int
    files_a_unit: int = 1
    latency: float = 0.0
    part: float = 1.0


VARIANTS = (
    Variant("images, one a unit", write_images, 1),
    Variant("image and label pairs", write_pairs, 2, files_a_unit=2),
    Variant("images, 40 ms of latency", write_images, 1, latency=0.04, part=0.4),
)


def main() -> None:
    """Run all variants; exits 1 where a client did not send everything exactly once."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--files", type=int, default=5000, help="files a round (5000)")
    options.add_argument("--rounds", type=int, default=3, help="rounds of each variant (3)")
    options.add_argument("--sdk-python", default=os.environ.get("SYNAPSE_SDK_PYTHON"), metavar="PATH")
    chosen = options.parse_args()
    python = sdk_python(chosen.sdk_python)
    print_conditions()
    try:
        for variant in VARIANTS:
            _compare(variant, round(chosen.files * variant.part) // 2 * 2, chosen.rounds, python)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    print_conditions()


def _compare(variant: Variant, files: int, rounds: int, python: Path) -> None:
    """All rounds of one variant, and what they say."""
    ours: list[Finished] = []
    theirs: list[Finished] = []
    with lean_server(variant.latency) as url:
        ceiling = "" if variant.latency else _ceiling(url)
        clients: list[tuple[list[Finished], Callable[[Path], Finished]]] = [
            (ours, lambda folder: _once(url, variant.collection, folder)),
            (theirs, lambda folder: _sdk(python, url, variant.collection, folder)),
        ]
        for number in range(rounds):
            for results, client in clients if number % 2 == 0 else reversed(clients):
                with scratch_folder() as folder:
                    variant.write(folder / "share", files, SIZE)
                    results.append(_checked(url, variant, files, lambda: client(folder)))  # noqa: B023
    print(f"\n{variant.name}: {files:,} files of {SIZE / 1000:.0f} KB, {rounds} rounds, medians{ceiling}")
    _tell("synapse-sync once", median(ours), files)
    _tell("SDK, whole process", median(theirs), files)
    calls = [json.loads(one.output)["seconds"] for one in theirs]
    call = statistics.median(calls)
    print(f"  {'SDK, its call alone':22} {call:7.2f} s  {files / call:7,.0f} files/s")
    whole = statistics.median(them.seconds / us.seconds for us, them in zip(ours, theirs, strict=True))
    alone = statistics.median(seconds / us.seconds for us, seconds in zip(ours, calls, strict=True))
    target = TARGET if not variant.latency else 1.0
    verdict("  whole processes, SDK's time / ours, median of the rounds", whole, target, at_least=True)
    verdict("  the SDK's call alone / our whole process", alone, target, at_least=True)
    verdict("  our peak memory in MB", median(ours).peak_mb, MEMORY, at_least=False)


def _tell(name: str, result: Finished, files: int) -> None:
    print(
        f"  {name:22} {result.seconds:7.2f} s  {files / result.seconds:7,.0f} files/s  "
        f"{result.cpu_seconds / files * 1e6:6,.0f} us CPU a file  {result.peak_mb:5.0f} MB at the peak"
    )


def _checked(url: str, variant: Variant, files: int, client: Callable[[], Finished]) -> Finished:
    """What the client took; Failed where the server did not get each file and each unit exactly once."""
    before = counts(url)
    result = client()
    after = counts(url)
    got = {name: after[name] - before[name] for name in ("files", "contents", "units", "unit_files")}
    units = files // variant.files_a_unit
    if got != {"files": files, "contents": files, "units": units, "unit_files": files}:
        raise Failed(f"{variant.name}: {files} files in {units} units were to be sent, the server got {got}")
    return result


def _once(url: str, collection: int, folder: Path) -> Finished:
    config = write_config(folder, url, collection)
    return run([sys.executable, "-m", "synapse_sync", "--config", config, "once", "--json"], TOKEN)


def _sdk(python: Path, url: str, collection: int, folder: Path) -> Finished:
    return run([python, HERE / "sdk_upload.py", url, str(collection), folder / "share"])


def _ceiling(url: str) -> str:
    """How many such uploads the server can answer, in words."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return " (the server's ceiling: unknown, wrk is not installed)"
    report = run([wrk, "-t1", "-c8", "-d3", "-s", HERE / "upload.lua", url]).output
    rate = next(line.split()[1] for line in report.splitlines() if line.startswith("Requests/sec"))
    return f"; the server's ceiling: {float(rate):,.0f} uploads/s (wrk)"


if __name__ == "__main__":
    main()
