"""multipart/form-data around bytes that are not in memory (RFC 7578), with a length known before the first byte."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

_BOUNDARY = secrets.token_hex(16)
"""128 random bits per process: no content can hold them but by chance."""

CONTENT_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"

TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()
"""What comes after the file's bytes. Held back, it keeps the server from taking the part for complete."""


def head(filename: str, fields: Mapping[str, str] | None = None) -> bytes:
    """What comes before the bytes of the part "file": the text fields, then the part's own headers."""
    texts = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (fields or {}).items()
    )
    part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(filename)}"\r\n'
    return f"{texts}{part}Content-Type: application/octet-stream\r\n\r\n".encode(errors="replace")


def _quoted(filename: str) -> str:
    """A file name within quotes as browsers write it (RFC 7578 §4.2 and the HTML standard): these three are escaped."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
