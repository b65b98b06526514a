"""What can be chosen about an embedded backend; every default is what production clients meet (protocol §2–§5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one embedded backend. Sizes in bytes, times in seconds, port 0 = any free port.

    Where the real backend's behaviour is not known ("[?]" in the protocol), both answers can be chosen:

    * `checksum`: what a data file is addressed by. "mixed" (direct and chunked: MD5; presigned: the client's digest,
      compared with the stored bytes), or one algorithm for every route.
    * `envelope`: v2 answers as {"data", "meta"}; False gives the older bare shapes.
    * `provider`: the default storage; only "amazon_s3" and "minio" can presign (§4.1).
    * `v1_reply`, `v1_repeat`, `v1_unknown`: shape of the unit reply, what a repeated unit does, and whether a unit with
      a checksum that is not known is refused or silently left out (§5).
    * `chunked_ids`, `chunked_once`, `unlocked_appends`: kind of upload ids, whether an upload can become a data file
      only once, and whether two parts in flight with the same start are both appended (§4.3).
    """

    data: Path
    token: str = "syn_dev"  # noqa: S105 - the documented token of a local test server
    host: str = "127.0.0.1"
    port: int = 0
    storage_port: int = 0
    tenant: str = ""  # "" accepts every tenant header
    password: str = "devserver"  # noqa: S105 - what users/login accepts with any e-mail address
    checksum: Literal["mixed", "md5", "sha1"] = "mixed"
    envelope: bool = True
    provider: str = "amazon_s3"
    multipart_threshold: int = 100 * MIB
    part_size: int = 100 * MIB
    chunked_ids: Literal["uuid", "int"] = "uuid"
    chunked_once: bool = False
    chunked_expiry: float = 86400
    unlocked_appends: bool = False
    v1_reply: Literal["list", "results"] = "list"
    v1_repeat: Literal["duplicate", "reuse"] = "duplicate"
    v1_unknown: Literal["reject", "drop"] = "reject"
    verify_limit: int = 1000
    page_size: int = 100
