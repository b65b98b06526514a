"""Finding the units of a million files: place and assemble, batch by batch as the step `group` does; nothing is read.

python benchmarks/grouping.py [--files 1000000]
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice

from measure import memory_growth, verdict
from processes import print_conditions

from synapse_sync.grouping.assemble import assemble
from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.pairing import Placed
from synapse_sync.grouping.places import Choice, Layout
from synapse_sync.records import Spec

SPECS = (Spec("image_1", "image", (".png", ".jpg")), Spec("label_1", "data", (".json",)))
BATCH = 1000  # files at once: steps.group.BATCH
SECONDS, MEMORY = 20.0, 600.0  # for 1,000,000 files; MiB
RULES = (("**/image_1/*.png", "image_1"), ("**/label_1/*", "label_1"))
BY_PATTERN = Choice("pattern", rules=RULES, key="scan_([0-9]+)")

Paths = Callable[[int], Iterator[str]]


def pairs(files: int) -> Iterator[str]:
    """image/a.png and label/a.json, 500 pairs a folder: the layout "stem" with type folders."""
    for number in range(files // 2):
        stem = f"study_{number // 500:05}/{{}}/scan_{number:07}"
        yield f"{stem.format('image_1')}.png"
        yield f"{stem.format('label_1')}.json"


def folders(files: int) -> Iterator[str]:
    """One folder a unit with an image and a label in it: the layout "directory"."""
    for number in range(files // 2):
        yield f"patient_{number:07}/image.png"
        yield f"patient_{number:07}/label.json"


def main() -> None:
    """All layouts, one after the other; prints time a file and how memory grew."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--files", type=int, default=1_000_000)
    files = options.parse_args().files
    print_conditions()
    layouts = (
        ("stem", Choice("stem"), pairs),
        ("directory", Choice("directory"), folders),
        ("pattern", BY_PATTERN, pairs),
    )
    for name, choice, paths in layouts:
        began = time.perf_counter()
        units = [0]
        growth = memory_growth(lambda: units.append(_group(layout_for(choice, SPECS), paths(files))))  # noqa: B023
        seconds = time.perf_counter() - began
        if units[-1] != files // 2:
            raise SystemExit(f"{name}: {files} files make {files // 2} complete units, not {units[-1]}")
        print(
            f"{name:10} {files:,} files, {units[-1]:,} complete units: {seconds:.1f} s, "
            f"{seconds / files * 1e6:.1f} us a file; memory {growth:+.1f} MiB at its peak"
        )
        verdict("  seconds for 1,000,000 files", seconds / files * 1e6, SECONDS, at_least=False)
        verdict("  memory in MiB", growth, MEMORY, at_least=False)


def _group(layout: Layout, paths: Iterator[str]) -> int:
    """How many complete units the paths make."""
    complete = 0
    numbered = enumerate(paths)
    while batch := list(islice(numbered, BATCH)):
        buckets: dict[str, list[Placed]] = defaultdict(list)
        for number, path in batch:
            place = layout.place("", path)
            buckets[place.bucket].append(Placed(Member(number, "", path, 9000, 0), place))
        for bucket in buckets.values():
            complete += sum(len(draft.files) == len(SPECS) for draft in assemble(bucket, SPECS))
    return complete


if __name__ == "__main__":
    main()
