"""What the token of an object says: which generation of it that is, and the MD5 that the service vouches for. Pure.

An object that was composed of others has no MD5. That of one that is stored compressed is of what is stored.
"""

from __future__ import annotations

import base64

from synapse_sync.records import Observation


def token_of(generation: str, md5_hash: str) -> str:
    """The token: "GENERATION/MD5", the latter in hexadecimal; "GENERATION" where md5_hash (base64) is no MD5."""
    try:
        digest = base64.b64decode(md5_hash, validate=True)
    except ValueError:
        digest = b""
    return f"{generation}/{digest.hex()}" if len(digest) == 16 else generation


def generation_of(observed: Observation) -> str:
    """Which generation was observed."""
    return str(observed.token).partition("/")[0]


def md5_of(observed: Observation) -> str:
    """The MD5 that the service vouches for; "" where it names none. An empty object vouches for nothing."""
    return str(observed.token).partition("/")[2] if observed.size else ""
