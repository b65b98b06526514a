"""A small NAS share to try the product on: real pictures with real labels, and the junk that a NAS adds."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

WIDTH, HEIGHT = 192, 144
SITES = ("seoul", "busan")
SPECS = [
    {"name": "image_1", "file_type": "image", "extensions": [".png", ".jpg"], "is_required": True},
    {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True},
]


def write_share(root: Path, pairs: int) -> None:
    """`pairs` pictures with their labels in type folders by site, one picture without its label, and junk."""
    for number in range(1, pairs + 1):
        write_pair(root, number)
    write_pair(root, pairs + 1, label=False)
    junk = root / SITES[0] / "images" / "@eaDir"
    junk.mkdir(parents=True, exist_ok=True)
    (junk / "SYNOFILE_THUMB_M.png").write_bytes(b"a NAS's own thumbnail")
    (root / "Thumbs.db").write_bytes(b"a desktop's own database")


def write_pair(root: Path, number: int, *, label: bool = True) -> None:
    """One picture of cells, and the circles in it as its label."""
    site = SITES[number % len(SITES)]
    dice = random.Random(number)  # noqa: S311 - the same picture each time
    cells = [(dice.randrange(20, WIDTH - 20), dice.randrange(20, HEIGHT - 20), dice.randrange(6, 18)) for _ in range(7)]
    name = f"cells_{number:03d}"
    images, labels = root / site / "images", root / site / "labels"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    (images / f"{name}.png").write_bytes(_png(_draw(cells, hue=number)))
    if label:
        circles = [{"class": "cell", "x": x, "y": y, "radius": radius} for x, y, radius in cells]
        (labels / f"{name}.json").write_text(
            json.dumps({"width": WIDTH, "height": HEIGHT, "circles": circles}, indent=1)
        )


def _draw(cells: list[tuple[int, int, int]], hue: int) -> bytes:
    """RGB rows, each with the PNG filter byte 0 before it."""
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)
        for x in range(WIDTH):
            inside = any((x - cx) ** 2 + (y - cy) ** 2 <= radius * radius for cx, cy, radius in cells)
            shade = 40 + 90 * y // HEIGHT
            rows += bytes((200, 90 + hue * 7 % 120, 160)) if inside else bytes((shade // 2, shade, shade + 40))
    return bytes(rows)


def _png(rows: bytes) -> bytes:
    """A PNG file of 8-bit RGB rows (RFC 2083: signature, IHDR, IDAT, IEND)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
