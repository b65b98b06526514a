r"""Regular expressions of the config, searched in paths: with RE2, whose time is linear whatever is written.

Millions of names that others chose pass through an expression that one person wrote; with Python's own `re` a single
unlucky name can take for ever. RE2 has no look-around and no back-references, and its \w, \d and \b mean ASCII
(\pL is a letter of any script). One search costs some 4 µs (measured).
"""

from __future__ import annotations

import re
from typing import Any


class Expression:
    """One compiled expression. Raises ValueError, in words with the position, for one that can't be compiled."""

    def __init__(self, text: str) -> None:
        self._compiled = _compile(text)
        groups: dict[str, int] = self._compiled.groupindex
        self.names: tuple[str, ...] = tuple(sorted(groups, key=groups.__getitem__))
        """Its named groups, in order."""

    def find(self, text: str) -> Found | None:
        """Its first match anywhere in the text."""
        match = self._compiled.search(text)
        return None if match is None else Found(match, self.names)


class Found:
    """A match. Groups that took no part in it are left out."""

    def __init__(self, match: Any, names: tuple[str, ...]) -> None:
        self.whole: str = match.group(0)
        self.parts: tuple[str, ...] = tuple(part for part in match.groups() if part is not None)
        """What the groups matched, in order."""
        self.named: dict[str, str] = {name: match[name] for name in names if match[name] is not None}


def _compile(text: str) -> Any:
    try:
        import re2
    except ImportError:
        raise ValueError("regular expressions need the package google-re2, which is not installed here") from None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as refused:
        raise ValueError(_in_words(text, refused)) from None


def _in_words(text: str, refused: Exception) -> str:
    """What is wrong and where: Python's position for what Python refuses too, else that of what RE2 names."""
    said = refused.args[0]
    words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    what, _, part = words.partition(": ")
    try:
        re.compile(text)
    except re.error as error:
        return _at(text, error.pos or 0, error.msg)
    if what == "invalid perl operator":
        what = "look-around is not supported, because its time has no bound"
    elif what == "invalid escape sequence":
        what = f"{part} is not supported"
    return _at(text, max(text.find(part), 0), what)


def _at(text: str, position: int, what: str) -> str:
    return f'"{text}" is no regular expression: {what}, at character {position + 1}'
