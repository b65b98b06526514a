"""What is shown to people. File names as text, and back: names are bytes here, and not all of them are UTF-8.

Enters a path as the file system has it (bytes, "/" between the parts), leaves text that can go into JSON, meta, logs
and the `path` sent to the server. A part that is valid UTF-8 stays as it is. In a part that is not, each offending byte
appears as %XX (two uppercase hexadecimal digits, 80 to FF) and each % as %25. So that two names never look the same, a
valid part that could be mistaken for such an escape gets its % written as %25 too; every other % stays itself.
"""

from __future__ import annotations

import re

# What an escaped part contains and an untouched one never does: an escaped byte, its % perhaps escaped itself.
_LOOKS_ESCAPED = re.compile(r"%(?:25)*[89A-F][0-9A-F]")
_ESCAPE = re.compile(r"%(25|[89A-F][0-9A-F])")
_UNDECODABLE = re.compile("[\udc80-\udcff]")  # how Python's surrogateescape carries a byte that is not UTF-8


def shown(path: bytes) -> str:
    """The path as text. Distinct paths give distinct texts, and raw() finds the way back."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        text = path.decode(errors="surrogateescape")
    else:
        if "%" not in text:
            return text
    return "/".join(_part_shown(part) for part in text.split("/"))


def joined(directory: bytes, name: bytes) -> bytes:
    """The path of a file in a directory; b"" is the root."""
    return directory + b"/" + name if directory else name


def shown_name(directory: bytes, name: bytes) -> str:
    """The path of a file in a directory, as text."""
    return shown(joined(bytes(directory), bytes(name)))


def raw(text: str) -> bytes:
    """The bytes of a path that shown() made into this text; also takes a path as the command line hands it over."""
    return b"/".join(_part_raw(part) for part in text.split("/"))


def plain(text: object) -> str:
    """Text without control characters: a file name can't move the cursor, colour the screen or begin a line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def _part_shown(part: str) -> str:
    if _UNDECODABLE.search(part) is None and _LOOKS_ESCAPED.search(part) is None:
        return part
    return _UNDECODABLE.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", part.replace("%", "%25"))


def _part_raw(part: str) -> bytes:
    if _LOOKS_ESCAPED.search(part) is None:
        return part.encode(errors="surrogateescape")
    return _ESCAPE.sub(_unescaped, part).encode(errors="surrogateescape")


def _unescaped(escape: re.Match[str]) -> str:
    byte = int(escape[1], 16)
    return "%" if byte == 0x25 else chr(0xDC00 + byte)
