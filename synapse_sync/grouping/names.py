"""What a file's name alone says: its Unicode form, stem and extension, and whether it is metadata by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator

MULTI_PART_EXTENSIONS = frozenset(
    {
        # one image format, two suffixes: NIfTI and MINC compressed, OME-TIFF
        *(".nii.gz", ".mnc.gz", ".img.gz", ".ome.tif", ".ome.tiff", ".ome.btf"),
        # archives: the inner suffix says "tar", the outer one how it is compressed
        *(".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4"),
        # data formats that are commonly kept compressed
        *(".json.gz", ".csv.gz", ".tsv.gz", ".txt.gz", ".xml.gz", ".pcd.gz", ".ply.gz"),
    }
)
"""Extensions of several parts that count as one without a spec naming them, so that `a.nii.gz` pairs with `a.json`."""

SIDECAR_ENDINGS = (".meta.json", ".meta.yaml", ".meta.yml")
"""Names that are metadata always (design.md, "States")."""

TABLE_NAMES = frozenset(
    f"{stem}{extension}" for stem in ("meta", "metadata") for extension in (".xlsx", ".xls", ".csv", ".tsv", ".ods")
)
"""Tables that are metadata at the root, unless a spec lists their extension."""


def nfc(text: str) -> str:
    """The text in Unicode's composed form, so that names written by macOS (NFD) compare equal to all others."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def split_extension(name: str, known: Collection[str]) -> tuple[str, str]:
    """The file name as (stem, extension): the longest known extension, otherwise what follows the last dot.

    known holds lowercase extensions of several parts. The extension is lowercase with its dot, "" where there is none;
    the stem is never empty: a leading dot belongs to it.
    """
    split = dot = name.rfind(".", 1)
    if dot < 0 or dot == len(name) - 1:
        return name, ""
    while (dot := name.rfind(".", 1, dot)) > 0:
        if name[dot:].lower() in known:
            split = dot
    return name[:split], name[split:].lower()


def untyped(name: bytes) -> bool:
    """Whether a name says nothing of the type: no extension, or a number (`IM.0001`, the parts of a DICOM UID)."""
    dot = name.rfind(b".", 1)
    extension = name[dot + 1 :] if dot > 0 else b""
    return not extension or extension.isdigit()


def tails(extension: str) -> Iterator[str]:
    """The extension and its shorter endings, longest first: ".nii.gz" gives ".nii.gz", ".gz"."""
    while extension:
        yield extension
        dot = extension.find(".", 1)
        extension = extension[dot:] if dot > 0 else ""
