"""How fast files are checksummed (MD5 and SHA-1 from one read, held against their observation), beside md5sum.

    python benchmarks/checksums.py [--files 20000] [--large 2048] [--runs 5] [--dir FOLDER]

Small files of 9 KB go in chunks of 100 over two processes that live on between the runs, as the step does it where
there are very many, beside `xargs -0 -n 100 -P2 md5sum`; one thread and two, as for fewer files, are shown for
comparison. Then one large file (MiB) beside md5sum. All are read once before, so that the disk has no part in it. Ends
with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from measure import medians, memory_growth, scratch_folder, verdict

from synapse_sync.records import Directory, Observation, Reading
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.readers import read

SMALL_TARGET, LARGE_TARGET = 0.7, 0.9
SMALL_SIZE = 9 * 1024
CHUNK = 100
Observed = tuple[bytes, Observation]


def build_small(root: Path, files: int) -> None:
    """Folders of 1000 files each, every content another one."""
    for number in range(files):
        folder = root / f"{number // 1000:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06d}.bin").write_bytes(os.urandom(SMALL_SIZE))


def build_large(path: Path, mebibytes: int) -> None:
    """One file without holes."""
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(piece)


def observe(source: LocalSource) -> list[Observed]:
    """Every file with its observation, in the order of the listing."""
    found: list[Observed] = []
    for item in source.listing():
        assert isinstance(item, Directory), item
        found += [(os.path.join(item.path, name), observed) for name, observed in item.files.items()]
    return found


def checksums(source: LocalSource, files: Sequence[Observed]) -> list[Reading]:
    """What one thread or process does with one chunk."""
    done = []
    for path, observed in files:
        with source.open_observed(path, observed) as stream:
            done.append(read(stream))
    return done


def over(pool: Executor, source: LocalSource, files: Sequence[Observed]) -> None:
    """All files, in chunks, over the threads or processes of the pool."""
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    done = sum(map(len, pool.map(checksums, repeat(source), chunks)))
    assert done == len(files)


def small(root: Path, arguments: argparse.Namespace) -> bool:
    build_small(root, arguments.files)
    source = LocalSource(str(root))
    files = observe(source)
    names = b"\0".join(os.path.join(os.fsencode(root), path) for path, _ in files)
    peer = ["xargs", "-0", "-n", str(CHUNK), "-P2", "md5sum"]
    with (
        ThreadPoolExecutor(1) as one,
        ThreadPoolExecutor(2) as two,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
    ):
        over(processes, source, files)
        seconds = medians(
            arguments.runs,
            md5sum=lambda: subprocess.run(peer, input=names, stdout=subprocess.DEVNULL, check=True),
            two_threads=lambda: over(two, source, files),
            one_thread=lambda: over(one, source, files),
            two_processes=lambda: over(processes, source, files),
        )
    for name, took in seconds.items():
        print(f"small files, {name}: {took:.2f} s, {len(files) / took:,.0f} files/s, {seconds['md5sum'] / took:.2f}")
    return verdict(
        "both checksums / md5sum -P2", seconds["md5sum"] / seconds["two_processes"], SMALL_TARGET, at_least=True
    )


def large(root: Path, arguments: argparse.Namespace) -> bool:
    root.mkdir()
    build_large(root / "large.bin", arguments.large)
    source = LocalSource(str(root))
    files = observe(source)
    seconds = medians(
        arguments.runs,
        md5sum=lambda: subprocess.run(["md5sum", root / "large.bin"], stdout=subprocess.DEVNULL, check=True),
        ours=lambda: checksums(source, files),
    )
    growth = memory_growth(lambda: checksums(source, files))
    for name, took in seconds.items():
        print(f"large file, {name}: {took:.2f} s, {arguments.large * 1.048576 / took:,.0f} MB/s")
    print(f"memory: {growth:+.1f} MiB at its peak")
    return verdict("both checksums / md5sum", seconds["md5sum"] / seconds["ours"], LARGE_TARGET, at_least=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=2048, metavar="MIB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=Path)
    arguments = parser.parse_args()
    with scratch_folder(arguments.dir) as root:
        reached = [small(root / "small", arguments), large(root / "large", arguments)]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
