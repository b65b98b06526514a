"""Paths and patterns as a person types them: "~/scans", "scans" beside the config file, "**/*.png".

A path leaves absolute, with "." and ".." resolved by name only: reading the configuration never touches a watched
folder, which may be a network mount that hangs. The folder of the config file comes through pydantic's validation
context ({"folder": …}); without one it is the current folder. Errors are ValueErrors in words.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema


def is_remote(path: str) -> bool:
    """Whether a path is a URL ("s3://bucket/prefix") and not a local folder."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def resolve_path(value: str, folder: str) -> str:
    """The absolute local path that `value` means in `folder`; a URL stays as it is. Raises ValueError."""
    if not value.strip():
        raise ValueError("is empty; write a path")
    if "\0" in value:
        raise ValueError("holds a NUL character")
    if is_remote(value):
        return value
    expanded = os.path.expanduser(value)
    if expanded.startswith("~"):
        raise ValueError(f'"{value}": there is no such user; write the whole path')
    return os.path.normpath(os.path.join(folder, expanded))


def check_pattern(pattern: str) -> str:
    """The pattern itself if it is a gitignore pattern that can match something. Raises ValueError."""
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            spec = GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error, FutureWarning):
        raise ValueError(f'"{pattern}" is not a valid pattern; patterns are those of gitignore, like "*.png"') from None
    if all(part.include is None for part in spec.patterns):
        raise ValueError(f'"{pattern}" matches nothing; patterns are those of gitignore, like "*.png" or "old/"')
    return pattern


def _in_context(value: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder") or os.getcwd()
    return resolve_path(value, os.fspath(folder))


def _file(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and is_remote(value):
        raise ValueError("must be a local file")
    return Path(_in_context(value, info)) if isinstance(value, str) else value


LocalPath = Annotated[str, AfterValidator(_in_context)]
"""An absolute path, or a URL."""

FilePath = Annotated[Path, BeforeValidator(_file), WithJsonSchema({"type": "string"})]
"""An absolute file name."""

Pattern = Annotated[str, AfterValidator(check_pattern)]
"""One gitignore pattern."""
