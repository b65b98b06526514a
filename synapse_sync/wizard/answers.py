"""What a person has answered, and how an answer is read. Pure, but for files that are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synapse_sync.config.feed import check_name
from synapse_sync.grouping.places import Choice


@dataclass
class Answers:
    """All that a config is made of. choice: None leaves it to the program ("auto"). project: None for none.

    missing_row says what a unit without a row does, where there is a table; left_out are patterns of `exclude`.
    """

    url: str = ""
    token_file: Path | None = None
    collection: int = 0
    collection_name: str = ""
    path: str = ""
    name: str = ""
    choice: Choice | None = None
    layout_says: str = ""
    settle: str = "30s"
    polled: str = ""
    table: str = ""
    missing_row: str = "wait"
    sidecar: bool = False
    project: int | None = None
    left_out: list[str] = field(default_factory=list)


def number(text: str) -> int:
    """A positive whole number. Raises ValueError."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f'"{text}" is no number; write one like 42')
    return int(text)


def yes_or_no(text: str) -> bool:
    """y, yes, n or no. Raises ValueError."""
    answer = {"y": True, "yes": True, "n": False, "no": False}.get(text.strip().lower())
    if answer is None:
        raise ValueError(f'"{text}" is neither y (yes) nor n (no)')
    return answer


def new_name(text: str, taken: set[str]) -> str:
    """A feed's name that no other feed has. Raises ValueError."""
    name = check_name(text.strip())
    if name in taken:
        raise ValueError(f'"{name}" is the name of a feed already: {", ".join(sorted(taken))}')
    return name


def proposed_name(path: str, taken: set[str]) -> str:
    """A name for the feed of a folder: the folder's own, made one that can be used and that is free."""
    kept = (c if c.isprintable() and c not in ":/" else "-" for c in Path(path).name)
    base = "".join(kept).strip() or "files"
    count, name = 1, base
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name
