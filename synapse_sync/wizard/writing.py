"""The config goes to disk whole or not at all; a file that is there is never replaced, only added to at its end."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from synapse_sync.errors import UsageError


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; everybody may read it, its owner change it. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path, text.encode(), 0o644)
        try:
            os.link(temporary, path)  # unlike a rename, it replaces nothing
        finally:
            os.unlink(temporary)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", hint="name another file with --config FILE") from error
    except OSError as error:
        hint = "name a file where you may write, with --config FILE; or run it with sudo"
        raise UsageError(f"{path} can't be written: {error.strerror}", hint=hint) from error


def appended(before: bytes, text: str) -> bytes:
    """A file's bytes with a text at their end, whose line ends are those of the file."""
    end = "\r\n" if b"\r\n" in before else "\n"
    gap = "" if before.endswith(b"\n") or not before else "\n"
    return before + (gap + "\n" + text).replace("\n", end).encode()


def append(path: Path, before: bytes, text: str) -> None:
    """Add to the end of a file whose bytes are `before`; its mode and owner stay. Raises UsageError."""
    target = Path(os.path.realpath(path))
    try:
        if target.read_bytes() != before:
            raise UsageError(f"{path} has changed meanwhile", hint="run it again; nothing was written")
        found = target.stat()
        temporary = _beside(target, appended(before, text), found.st_mode & 0o7777)
        try:
            if (os.geteuid(), os.getegid()) != (found.st_uid, found.st_gid):
                os.chown(temporary, found.st_uid, found.st_gid)
            os.replace(temporary, target)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}", hint="run it as its owner, or with sudo"
        ) from error


def store_secret(path: Path, secret: str) -> None:
    """Write a file that its owner alone may read. Raises UsageError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(_beside(path, f"{secret}\n".encode(), 0o600), path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", hint="run it with sudo") from error


def _beside(path: Path, content: bytes, mode: int) -> str:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    return temporary
