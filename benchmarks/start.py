"""How long the command line takes to answer: --version and --help, beside a Python that does nothing.

    python benchmarks/start.py [--rounds N]        targets: --version below 150 ms, --help below 300 ms, warm
"""

from __future__ import annotations

import argparse
import sys

from processes import Failed, median, print_conditions, run

VERSION_MS, HELP_MS = 150, 300


def main() -> None:
    """Take turns, print medians; exits 1 where a command fails."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=15, help="runs of each (15)")
    rounds = options.parse_args().rounds
    print_conditions()
    subjects = {
        "python -c pass": ["-c", "pass"],
        "synapse-sync --version": ["-m", "synapse_sync", "--version"],
        "synapse-sync --help": ["-m", "synapse_sync", "--help"],
    }
    try:
        results = {name: [] for name in subjects}  # type: dict[str, list[Finished]]
        for _ in range(rounds + 1):
            for name, arguments in subjects.items():
                results[name].append(run([sys.executable, *arguments]))
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
