"""How long it takes to find that nothing has changed: listing and comparing a whole tree, beside find -printf.

    python benchmarks/walk.py [--files 200000] [--folders 2000] [--runs 5] [--dir FOLDER]

find prints of each file what an observation holds; the ledger's rows stand in a dict. The tree holds empty files: only
their names and attributes matter. Ends with 1 where the target is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from measure import medians, memory_growth, scratch_folder, verdict

from synapse_sync.records import Directory
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.reconcile import KnownRow, reconcile

TARGET = 2.5
Ledger = Mapping[bytes, Mapping[bytes, KnownRow]]


def build(root: Path, files: int, folders: int) -> None:
    """A tree as studies have it: groups of 100 folders, each with its share of the files."""
    for folder in range(folders):
        path = root / f"group_{folder // 100:02d}" / f"series_{folder:04d}"
        path.mkdir(parents=True)
        for file in range(files // folders):
            os.close(os.open(path / f"image_{file:05d}.png", os.O_CREAT | os.O_WRONLY))


def remember(source: LocalSource) -> Ledger:
    """The rows that a first listing would leave in the ledger."""
    rows: dict[bytes, dict[bytes, KnownRow]] = {}
    for item in source.listing():
        assert isinstance(item, Directory), item
        rows[item.path] = {name: (1, *observed, 0) for name, observed in item.files.items()}
    return rows


def compare(source: LocalSource, ledger: Ledger) -> None:
    """One listing in which nothing has changed."""
    for item in source.listing():
        assert isinstance(item, Directory), item
        changes = reconcile(item, ledger[item.path], source.keeps, trust_known=True)
        assert not any(changes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--folders", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=Path)
    arguments = parser.parse_args()
    with scratch_folder(arguments.dir) as root:
        build(root, arguments.files, arguments.folders)
        source = LocalSource(str(root))
        ledger = remember(source)
        find = ["find", str(root), "-printf", r"%p\0%s\0%T@\0%C@\0%i\0"]
        seconds = medians(
            arguments.runs,
            find=lambda: subprocess.run(find, stdout=subprocess.DEVNULL, check=True),
            ours=lambda: compare(source, ledger),
        )
        growth = memory_growth(lambda: compare(source, ledger))
    for name, took in seconds.items():
        print(f"{name}: {took:.2f} s, {arguments.files / took:,.0f} files/s")
    print(f"memory: {growth:+.1f} MiB at its peak")
    return (
        0 if verdict("listing and comparing / find", seconds["ours"] / seconds["find"], TARGET, at_least=False) else 1
    )


if __name__ == "__main__":
    sys.exit(main())
