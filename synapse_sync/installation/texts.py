"""The files that `service install` writes, as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MARK = "# Written by `synapse-sync service install`, which also replaces it. Changes of yours belong in a drop-in:"
EXAMPLE = ("/opt/synapse-sync/bin/python", "/etc/synapse-sync/config.toml", "%E/synapse-sync/config.toml")
"""The interpreter and the config files that the shipped units name."""


def is_ours(text: str) -> bool:
    """Whether a file may be replaced or removed: only what was written here, and still says so."""
    return text.startswith(MARK)


def unit_text(shipped: str, *, unit: str, interpreter: str, config: Path) -> str:
    """The shipped unit with this machine's interpreter and config; an instance's config follows from its name."""
    text = shipped.replace(EXAMPLE[0], quoted(interpreter, command=True))
    for example in EXAMPLE[1:]:
        text = text.replace(f" {example} ", f" {quoted(str(config), command=True)} ")
    return f"{MARK}\n#   systemctl edit {unit}\n{text}"


def drop_in_text(*, mounts: Sequence[str], groups: Sequence[str]) -> str:
    """What the feeds need: their mounts before the service, and groups that may read them."""
    lines = [MARK, "#   systemctl edit …", "[Unit]"]
    lines += [f"RequiresMountsFor={quoted(path)}" for path in mounts]
    if groups:
        lines += ["", "[Service]", f"SupplementaryGroups={' '.join(map(str, groups))}"]
    return "\n".join(lines) + "\n"


def quoted(path: str, *, command: bool = False) -> str:
    """A path as one word of a unit file: systemd expands % everywhere, $ in commands, and splits at blanks."""
    text = path.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    text = text.replace("$", "$$") if command else text
    return f'"{text}"' if any(character.isspace() or character in "\"'\\;" for character in text) else text
