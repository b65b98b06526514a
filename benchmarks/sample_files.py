"""Files to be synchronised: images that no other run has had, so that nothing of them is on a server already."""

from __future__ import annotations

import json
import os
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # the SDK refuses a .png that does not begin like one
PER_FOLDER = 100
BLOCK = 1 << 20


def write_images(root: Path, count: int, size: int) -> None:
    """`count` images of `size` bytes below `root`, 100 a folder; each is a unit."""
    for number in range(count):
        _path(root, number, ".png").write_bytes(SIGNATURE + os.urandom(size - len(SIGNATURE)))


def write_pairs(root: Path, count: int, size: int) -> None:
    """`count` files of about `size` bytes: images, each with a label of the same stem beside it."""
    for number in range(count // 2):
        _path(root, number, ".png").write_bytes(SIGNATURE + os.urandom(size - len(SIGNATURE)))
        points = [[os.urandom(8).hex(), point] for point in range(size // 27)]
        _path(root, number, ".json").write_text(json.dumps({"points": points}))


def write_large(root: Path, count: int, size: int) -> None:
    """`count` images of `size` bytes, too large for random bytes throughout: one block, numbered, over and over."""
    block = bytearray(os.urandom(BLOCK))
    for number in range(count):
        with _path(root, number, ".png").open("wb") as file:
            for start in range(0, size, BLOCK):
                block[:16] = SIGNATURE + (number << 32 | start // BLOCK).to_bytes(8, "big")
                file.write(memoryview(block)[: size - start])


def _path(root: Path, number: int, extension: str) -> Path:
    folder = root / f"batch_{number // PER_FOLDER:04}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"scan_{number:06}{extension}"
