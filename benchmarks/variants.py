"""What end_to_end.py sends: the files of each variant, how it runs, and what is to be reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from sample_files import write_images, write_large, write_pairs

SMALL = 9000  # bytes a file: what protocol §7 has production figures of
MEMORY = 200  # MB at the peak of `once`, in every variant


class Variant(NamedTuple):
    """`write` makes the files: (root, how many, bytes each); collection is one of lean_server.COLLECTIONS.

    kind: "compare" sends new files with each client; "second" lets each run again where nothing has changed; "killed"
    kills `once` when half of the bytes have arrived, and lets it run again.
    part: of the files that are asked for, how many are enough; at least one unit. latency: in seconds, of each answer.
    target: at least so many times as fast as the SDK; for "killed" the part of the bytes that may be sent again.
    """

    name: str
    title: str
    kind: Literal["compare", "second", "killed"]
    target: float
    stretch: float | None = None
    write: Callable[[Path, int, int], None] = write_images
    size: int = SMALL
    part: float = 1.0
    collection: int = 1
    files_a_unit: int = 1
    latency: float = 0.0

    def files(self, asked: int) -> int:
        """How many files are sent where `asked` are asked for."""
        return max(round(asked * self.part) // self.files_a_unit, 1) * self.files_a_unit


VARIANTS = (
    Variant("images", "images, one a unit", "compare", 2.5, 4.0),
    Variant("pairs", "image and label pairs", "compare", 2.5, 4.0, write=write_pairs, collection=2, files_a_unit=2),
    Variant("medium", "images of 5 MB", "compare", 1.0, size=5_000_000, part=0.04),
    Variant("large", "one large file", "compare", 1.0, write=write_large, size=2_000_000_000, part=0.0),
    Variant("latency", "images, 40 ms of latency", "compare", 5.0, 8.0, part=0.4, latency=0.04),
    Variant("second", "a second run, nothing has changed", "second", 50.0, part=4.0),
    Variant("killed", "killed when half of the bytes had arrived", "killed", 0.6),
    Variant("killed-large", "one large file, killed at half of it", "killed", 0.6, write=write_large,
            size=2_000_000_000, part=0.0),
)  # fmt: skip
