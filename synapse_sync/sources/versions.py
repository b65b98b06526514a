"""What the token of an object says: which version of it that is, and the MD5 that the service vouches for. Pure.

The version is a generation (Google) or an ETag (Azure). Both services name MD5s in base64; they are of what is stored,
also where that is compressed. An object that was composed of others, or grows, has none.
"""

from __future__ import annotations

import base64

from synapse_sync.records import Observation


def token_of(version: str, md5_hash: str) -> str:
    """The token: "VERSION/MD5", the latter in hexadecimal; "VERSION" where md5_hash (base64) is no MD5."""
    try:
        digest = base64.b64decode(md5_hash, validate=True)
    except ValueError:
        digest = b""
    return f"{version}/{digest.hex()}" if len(digest) == 16 else version


def version_of(observed: Observation) -> str:
    """Which version was observed."""
    return str(observed.token).partition("/")[0]


def md5_of(observed: Observation) -> str:
    """The MD5 that the service vouches for; "" where it names none. An empty object vouches for nothing."""
    return str(observed.token).partition("/")[2] if observed.size else ""
