"""Templates of the config: text with {names} that stand for parts of a path ("{site}-{patient}").

Names are the named groups of the feed's `key`, and what every path has: {dir1} is the topmost folder below the feed's
path, {dir2} the next, {stem} the file's name without its extension. {{ and }} are braces.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from string import Formatter

_OF_EVERY_PATH = re.compile(r"dir[1-9][0-9]*|stem")


class Template:
    """One template. Raises ValueError, in words, for what is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            parsed = list(Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f'"{text}" is no template: {error}') from None
        if any(
            name is not None and (not name.isidentifier() or form or conversion) for _, name, form, conversion in parsed
        ):
            raise ValueError(f'"{text}" is no template: between braces stands a name alone, like {{site}}')
        self._parts = [(literal, name) for literal, name, _, _ in parsed]
        self.names: tuple[str, ...] = tuple(name for _, name in self._parts if name is not None)

    def unknown(self, known: Collection[str]) -> list[str]:
        """Its names that are neither among these nor in every path."""
        return [name for name in self.names if name not in known and not _OF_EVERY_PATH.fullmatch(name)]

    def fill(self, fields: Mapping[str, str]) -> str:
        """The text with its names replaced. Raises KeyError for a name that has no field."""
        return "".join(literal + (fields[name] if name is not None else "") for literal, name in self._parts)

    def __str__(self) -> str:
        return self._text


def path_fields(directory: str, stem: str) -> dict[str, str]:
    """What every path has: `directory` is relative to the root, "" at the root itself."""
    folders = directory.split("/") if directory else []
    return {"stem": stem} | {f"dir{level}": folder for level, folder in enumerate(folders, 1)}
