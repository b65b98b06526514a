"""Sets of folders, as paths relative to a root."""

from __future__ import annotations

from collections.abc import Container


def within(folder: bytes, tops: Container[bytes]) -> bool:
    """Whether a folder is one of these, or lies below one."""
    while folder not in tops:
        end = folder.rfind(b"/")
        if end < 0:
            return bool(folder) and b"" in tops
        folder = folder[:end]
    return True


def parent(folder: bytes) -> bytes:
    """The folder that this one is in; the root's is the root."""
    return folder[: max(folder.rfind(b"/"), 0)]
