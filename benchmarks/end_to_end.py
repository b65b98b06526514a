"""`synapse-sync once` against the real SDK's upload_data_collection: the same files, one server, one run, taking turns.

Both run in a process of their own, with their own defaults, each time on files that neither the server nor a ledger has
seen. Compared are whole processes (start, listing, checksums, ledger and all) and, harder on us, our whole process with
the SDK's one call alone. The server is lean_server.py; wrk tells how much more of it was there to be had.

    python benchmarks/end_to_end.py [--sdk-python PATH] [--files N] [--rounds N]

The SDK's Python may also be named by SYNAPSE_SDK_PYTHON; without either a venv with the SDK is made (needs Python 3.12).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from measure import scratch_folder, verdict
from processes import Failed, Finished, median, print_conditions, run
from sample_files import write_images, write_pairs
from sdk_venv import sdk_python

HERE = Path(__file__).parent
TARGET = 1.5
MEMORY = 150  # MB
SIZE = 9000  # bytes a file: what protocol §7 has production figures of


class Variant(NamedTuple):
    """What is sent: `write` makes the files; collection is one of lean_server.COLLECTIONS; latency in seconds."""

    name: str
    write: Callable[[Path, int, int], None]
    collection: int
    files_a_unit: int = 1
    latency: float = 0.0


VARIANTS = (
    Variant("images, one a unit", write_images, 1),
    Variant("image and label pairs", write_pairs, 2, files_a_unit=2),
    Variant("images, 40 ms of latency", write_images, 1, latency=0.04),
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
            _compare(variant, chosen.files, chosen.rounds, python)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    print_conditions()


def _compare(variant: Variant, files: int, rounds: int, python: Path) -> None:
    """All rounds of one variant, and what they say."""
    ours: list[Finished] = []
    theirs: list[Finished] = []
    with _server(variant.latency) as url:
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
    _tell("synapse-sync once", us := median(ours), files)
    _tell("SDK, whole process", sdk := median(theirs), files)
    call = median(one._replace(seconds=json.loads(one.output)["seconds"]) for one in theirs).seconds
    print(f"  {'SDK, its call alone':22} {call:7.2f} s  {files / call:7,.0f} files/s")
    target = TARGET if not variant.latency else 1.0
    verdict("  whole processes: SDK's time / ours", sdk.seconds / us.seconds, target, at_least=True)
    verdict("  our process against the SDK's call alone", call / us.seconds, target, at_least=True)
    verdict("  our peak memory in MB", us.peak_mb, MEMORY, at_least=False)


def _tell(name: str, result: Finished, files: int) -> None:
    print(
        f"  {name:22} {result.seconds:7.2f} s  {files / result.seconds:7,.0f} files/s  "
        f"{result.cpu_seconds / files * 1e6:6,.0f} us CPU a file  {result.peak_mb:5.0f} MB at the peak"
    )


def _checked(url: str, variant: Variant, files: int, client: Callable[[], Finished]) -> Finished:
    """What the client took; Failed where the server did not get each file and each unit exactly once."""
    before = _counts(url)
    result = client()
    after = _counts(url)
    got = {name: after[name] - before[name] for name in ("files", "contents", "units", "unit_files")}
    units = files // variant.files_a_unit
    if got != {"files": files, "contents": files, "units": units, "unit_files": files}:
        raise Failed(f"{variant.name}: {files} files in {units} units were to be sent, the server got {got}")
    return result


def _once(url: str, collection: int, folder: Path) -> Finished:
    config = folder / "config.toml"
    config.write_text(
        f'[server]\nurl = "{url}"\n[ledger]\npath = "ledger.db"\n'
        f'[[feeds]]\nname = "scans"\ndata_collection = {collection}\npath = "share"\nsettle = "0s"\n'
    )
    command = [sys.executable, "-m", "synapse_sync", "--config", config, "once", "--json"]
    return run(command, {"SYNAPSE_ACCESS_TOKEN": "syn_dev"})


def _sdk(python: Path, url: str, collection: int, folder: Path) -> Finished:
    return run([python, HERE / "sdk_upload.py", url, str(collection), folder / "share"])


def _counts(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/counts/") as answer:
        counts: dict[str, Any] = json.load(answer)
    return counts


def _ceiling(url: str) -> str:
    """How many such uploads the server can answer, in words."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return " (the server's ceiling: unknown, wrk is not installed)"
    report = run([wrk, "-t1", "-c8", "-d3", "-s", HERE / "upload.lua", url]).output
    rate = next(line.split()[1] for line in report.splitlines() if line.startswith("Requests/sec"))
    return f"; the server's ceiling: {float(rate):,.0f} uploads/s (wrk)"


@contextmanager
def _server(latency: float) -> Iterator[str]:
    """lean_server.py in a process of its own; gives its URL."""
    command = [sys.executable, HERE / "lean_server.py", "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


if __name__ == "__main__":
    main()
