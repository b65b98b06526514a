"""The file types and categories that a data collection can have, with the extensions of each.

The set of types is that of the published v2 schema; the extensions follow its examples where it has any, and common
use elsewhere.
"""

from __future__ import annotations

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "audio": ("wav", "mp3", "flac", "ogg", "m4a", "aac"),
    "data": ("json", "xml", "csv", "tsv", "yaml", "yml", "xlsx", "dcm", "dicom", "nii", "nii.gz", "npy", "bin", "zip"),
    "image": ("jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff", "gif"),
    "pcd": ("pcd", "ply", "las", "laz", "bin"),
    "text": ("txt", "md", "html", "json", "csv", "pdf"),
    "video": ("mp4", "avi", "mov", "mkv", "webm"),
}
"""v2's file types (they are also the categories), with extensions as v2 writes them: without a dot."""

DISPLAY = {"audio": "Audio", "data": "Data", "image": "Image", "pcd": "PCD", "text": "Text", "video": "Video"}

FUNCTION_TYPES = ("main", "sub", "meta")


def v2_type(file_type: str) -> str:
    """A file type as v2 can say it: types that only v1 knows ("document", "medical") are "data"."""
    return file_type if file_type in EXTENSIONS else "data"


def allowed(file_type: str, declared: list[str]) -> tuple[str, ...]:
    """Lowercase extensions with their dot that a spec takes; empty = no restriction (unknown type, none declared)."""
    if declared:
        return tuple("." + extension.lower().lstrip(".") for extension in declared)
    return tuple("." + extension for extension in EXTENSIONS.get(file_type, ()))
