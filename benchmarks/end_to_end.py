"""`synapse-sync once` against the real SDK: the same files, one server, one run, taking turns.

Each runs in a process of its own, with its own defaults, on files that neither the server nor a ledger has seen.
Compared are whole processes (start, listing, checksums, ledger and all) and, harder on us, our whole process with the
SDK's calls alone; of the SDK's two ways of sending a folder (sdk_upload.py) the faster one counts, round by round. The
server is lean_server.py; wrk tells how much more of it was there to be had. variants.py says what is sent.

    python benchmarks/end_to_end.py [--only NAME]… [--files N] [--rounds N] [--large MB]
                                    [--no-presign] [--no-v2] [--sdk-python PATH]

The SDK's Python may also be named by SYNAPSE_SDK_PYTHON; without either a venv with it is made (needs Python 3.12).
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from clients import OURS, Client, check_once, once, route, sdk_clients, since, write_share
from installation import counts, lean_server
from measure import scratch_folder, verdict
from processes import Failed, Finished, median, print_conditions, run, tell
from repeated_runs import after_kill, second_run
from sdk_venv import sdk_python
from variants import MEMORY, VARIANTS, Variant

import synapse_sync

HERE = Path(__file__).parent
Serving = Callable[[], AbstractContextManager[str]]
"""Starts a server of its own; gives its URL."""


def main() -> None:
    """Run all variants, or those named; exits 1 where a client did not send everything exactly once."""
    chosen = _arguments()
    compileall.compile_dir(Path(synapse_sync.__file__).parent, quiet=1)  # as pip does it where it installs a package
    theirs = sdk_clients(sdk_python(chosen.sdk_python), presign=not chosen.no_presign)
    server = [option for option in ("--no-presign", "--no-v2") if getattr(chosen, option[2:].replace("-", "_"))]
    print_conditions()
    failed = False
    for variant in VARIANTS:
        if chosen.only and variant.name not in chosen.only:
            continue
        if variant.part == 0:
            variant = variant._replace(size=chosen.large * 1_000_000)
        try:
            serving = partial(lean_server, variant.latency, *server)
            _run(variant, variant.files(chosen.files), chosen.rounds, serving, theirs)
        except Failed as failure:
            print(failure, file=sys.stderr)
            failed = True
    print_conditions()
    sys.exit(1 if failed else 0)


def _arguments() -> argparse.Namespace:
    names = [variant.name for variant in VARIANTS]
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--only", action="append", choices=names, help="this variant; may be repeated")
    options.add_argument("--files", type=int, default=5000, help="small files a round (5000); of others a part of that")
    options.add_argument("--large", type=int, default=2000, metavar="MB", help="size of the one large file (2000)")
    options.add_argument("--rounds", type=int, default=3, help="rounds of each variant (3)")
    options.add_argument("--no-presign", action="store_true", help="the server's storage can't presign")
    options.add_argument("--no-v2", action="store_true", help="the server has v1 only")
    options.add_argument("--sdk-python", default=os.environ.get("SYNAPSE_SDK_PYTHON"), metavar="PATH")
    return options.parse_args()


def _run(variant: Variant, files: int, rounds: int, serving: Serving, theirs: Mapping[str, Client]) -> None:
    size = f"{variant.size / 1000:,.0f} KB" if variant.size < 1e6 else f"{variant.size / 1e6:,.0f} MB"
    small = variant.kind == "compare" and variant.size < 1e6 and not variant.latency
    ceiling = _ceiling(serving) if small else ""
    print(f"\n{variant.name}: {variant.title}; {files:,} of {size}, rounds: {rounds}, medians{ceiling}", flush=True)
    if variant.kind == "compare":
        _compare(variant, files, rounds, serving, theirs)
        return
    with serving() as url:
        if variant.kind == "second":
            second_run(variant, files, rounds, url, theirs)
        else:
            after_kill(variant, files, rounds, url)


def _compare(variant: Variant, files: int, rounds: int, serving: Serving, theirs: Mapping[str, Client]) -> None:
    """All rounds of one variant, and what they say. Each run meets an empty collection: ours looks through it."""
    clients: dict[str, Client] = {OURS: once, **theirs}
    results: dict[str, list[Finished]] = {name: [] for name in clients}
    ways = ""
    for number in range(rounds):
        first = number % len(clients)
        for name in [*clients][first:] + [*clients][:first]:
            with scratch_folder() as folder, serving() as url:
                share = write_share(variant, files, folder)
                before = counts(url)
                results[name].append(clients[name](url, variant.collection, folder))
                got = since(url, before)
                check_once(f"{variant.title}, {name}", share, got)
                ways = route(got) if name == OURS else ways
    for name, runs in results.items():
        tell(name, median(runs), files, variant.size)
    print(f"  ours: {ways}")
    ours = results.pop(OURS)
    whole = statistics.median(
        min(them.seconds for them in turn) / us.seconds for us, *turn in zip(ours, *results.values(), strict=True)
    )
    alone = statistics.median(
        min(json.loads(them.output)["seconds"] for them in turn) / us.seconds
        for us, *turn in zip(ours, *results.values(), strict=True)
    )
    verdict("  whole processes, SDK's better / ours", whole, variant.target, at_least=True, stretch=variant.stretch)
    verdict("  the SDK's calls alone, better / our whole process", alone, variant.target, at_least=True)
    verdict("  our peak memory in MB", median(ours).peak_mb, MEMORY, at_least=False)


def _ceiling(serving: Serving) -> str:
    """How many such uploads the server can answer, in words."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return " (the server's ceiling: unknown, wrk is not installed)"
    with serving() as url:
        report = run([wrk, "-t1", "-c8", "-d3", "-s", HERE / "upload.lua", url]).output
    rate = next(line.split()[1] for line in report.splitlines() if line.startswith("Requests/sec"))
    return f"; the server's ceiling: {float(rate):,.0f} uploads/s (wrk)"


if __name__ == "__main__":
    main()
