"""What the keys of a bucket mean as files below a prefix. Pure.

A key is any text, and a server keeps "a", "a/b", "a//b", "../up" and "/a" side by side. A file's path has parts between
slashes, none empty, "." or "..". A key that is no such path is no file here: nothing is made of it that could be taken
for another one, or for something outside. It is told, with what to do.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

LONGEST = 1024  # bytes of a key (S3)

RENAME = "rename the object, or leave it out with exclude"


class File(NamedTuple):
    """A key that is a file's path: its directory and its name."""

    directory: bytes
    name: bytes


class NoFile(NamedTuple):
    """A key that is none, and why; "" for what marks a folder, which is nothing to tell."""

    reason: str
    remedy: str = RENAME


def decoded(key: str, *, encoded: bool) -> bytes:
    """A key as a listing has it. encoded: as in a form's data ("%ED%95%9C a+b"), which every server can send."""
    return unquote_to_bytes(key.replace("+", " ")) if encoded else key.encode()


def meaning(key: bytes, prefix: bytes, size: int) -> File | NoFile:
    """What a listed key is below the prefix, which it begins with."""
    path = key[len(prefix) :]
    if path.endswith(b"/") or not path:
        return NoFile("" if not size else "its name ends with a slash, as that of a folder, and it has content")
    try:
        path.decode()
    except UnicodeDecodeError:
        return NoFile("its name is not UTF-8, so that it can't be asked for")
    parts = path.split(b"/")
    if b"" in parts:
        empty = "begins with a slash" if not parts[0] else "has two slashes in a row"
        return NoFile(f"its name {empty}: a folder without a name")
    if b"." in parts or b".." in parts:
        return NoFile('its name has "." or ".." for a folder, which means another place')
    if b"\0" in path:
        return NoFile("its name has a NUL character")
    directory, _, name = path.rpartition(b"/")
    return File(directory, name)
