"""What a web server's addresses of files mean as paths on it. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_SERVER = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*", re.ASCII)


def path_of(href: str) -> bytes:
    """The path on the server that an address means, in full or without the server's name; whose it is says nobody.

    A proxy's server may well name itself as nobody else does: the path alone counts, and only below what was asked for.
    """
    named = _SERVER.match(href)
    path = unquote_to_bytes(href[named.end() :] if named else href)
    return path.removesuffix(b"/")


def name_in(folder: bytes, path: bytes) -> bytes | None:
    """What a path is called in a folder: b"" for itself, None outside of it. A name with a slash is no name."""
    above = folder.removesuffix(b"/")
    if path == above:
        return b""
    return path[len(above) + 1 :] if path.startswith(above + b"/") else None
