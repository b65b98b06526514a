"""Patterns of gitignore, as filters and rules use them: compiled in one way, held against one form of a path."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pathspec import GitIgnoreSpec


def compiled(patterns: Sequence[str]) -> GitIgnoreSpec:
    """The patterns as one; raises what pathspec raises for one that is none."""
    return GitIgnoreSpec.from_lines(patterns, backend="simple")  # its other engines refuse some of the names we meet


def matchable(text: str) -> str:
    """NFC; and no line break, which "." and "$" of the regular expressions behind the patterns treat as an end."""
    return unicodedata.normalize("NFC", text).replace("\n", "\N{SYMBOL FOR NEWLINE}")
