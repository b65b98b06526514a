"""How long the command line takes to answer: --version and --help, beside a Python that does nothing.

python benchmarks/start.py [--rounds N]        targets, warm: --version below 150 ms, --help below 300 ms
"""

from __future__ import annotations

import argparse
import sys

from measure import verdict
from processes import Failed, Finished, median, print_conditions, run

PLAIN = "python -c pass"
SUBJECTS = {
    PLAIN: (["-c", "pass"], None),
    "synapse-sync --version": (["-m", "synapse_sync", "--version"], 150),
    "synapse-sync --help": (["-m", "synapse_sync", "--help"], 300),
}
"""What is run, and what it may take in milliseconds."""


def main() -> None:
    """Take turns, print medians; exits 1 where a command fails."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=15, help="runs of each (15)")
    rounds = options.parse_args().rounds
    print_conditions()
    results: dict[str, list[Finished]] = {name: [] for name in SUBJECTS}
    try:
        for number in range(rounds + 1):
            for name, (arguments, _) in SUBJECTS.items():
                result = run([sys.executable, *arguments])
                if number:  # the first warms the disk's cache and Python's
                    results[name].append(result)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    plain = median(results[PLAIN]).seconds
    for name, (_, target) in SUBJECTS.items():
        took = median(results[name])
        print(
            f"{name:24} {took.seconds * 1000:5.0f} ms ({took.cpu_seconds * 1000:.0f} ms CPU)  "
            f"{took.seconds / plain:4.1f} x {PLAIN}  {took.peak_mb:3.0f} MB"
        )
        if target is not None:
            verdict(f"  {name}, ms", took.seconds * 1000, target, at_least=False)


if __name__ == "__main__":
    main()
