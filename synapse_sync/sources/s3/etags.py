"""What an ETag says of its object's content. Pure.

Amazon's is the MD5 of an object that was sent in one piece and is not encrypted, or with keys of S3's own (SSE-S3); of
parts it is another digest and has their number ("…-3"); with keys of a customer or of KMS it is no MD5 and looks like
one. A listing does not tell these apart, nor do other services promise anything: so what an ETag says is believed only
where objects that were read prove it. (Amazon keeps SHA-1 for objects that were sent with it; asking for it takes a
request for each object.)
"""

from __future__ import annotations

import re

from synapse_sync.records import Observation

_MD5 = re.compile(r'"([0-9a-f]{32})"')


def md5_of(observed: Observation) -> str:
    """The MD5 that the ETag seems to be; "" where it can be none. An empty object vouches for nothing."""
    found = _MD5.fullmatch(str(observed.token)) if observed.size else None
    return found[1] if found else ""
