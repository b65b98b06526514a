"""What can be chosen about an embedded backend; every default is what production clients meet (protocol §2–§5).

Where the real backend's behaviour is not known ("[?]" in the protocol), each answer can be chosen; `switches()` lists
these options with all of their values.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

MIB = 1024 * 1024


def _also(default: Any, *others: Any) -> Any:
    """An option whose type doesn't tell the values that matter."""
    return field(default=default, metadata={"values": (default, *others)})


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one embedded backend. Sizes in bytes, times in seconds, port 0 = any free port.

    An option of type bool or Literal stands for an unknown behaviour, as does one made by `_also`.
    """

    data: Path
    token: str = "syn_dev"  # noqa: S105 - the documented token of a local test server
    host: str = "127.0.0.1"
    port: int = 0
    storage_port: int = 0
    tenant: str = ""
    """The tenant that requests must name if they name one; "" accepts every tenant header."""
    password: str = "devserver"  # noqa: S105 - what users/login accepts with any e-mail address
    multipart_threshold: int = 100 * MIB
    part_size: int = 100 * MIB
    chunked_expiry: float = 86400
    page_size: int = 100
    """Rows of a page where the request names no number."""

    v2: bool = True
    """Whether there is a v2; without, its paths answer 404 as v1 does."""
    envelope: bool = True
    """v2 answers as {"data", "meta"}, or in the older bare shapes."""
    page_limit: int = _also(10_000, 10)
    """Rows of a page at most, whatever the request asks for."""

    checksum: Literal["mixed", "md5", "sha1"] = "mixed"
    """What a data file is addressed by. "mixed": MD5 where sent whole or in parts, the client's digest where presigned;
    else one algorithm for every route."""
    verify: bool = True
    """Whether data_files/verify_checksums/ exists."""
    verify_limit: int = _also(1000, 100)
    """How many checksums verify_checksums takes at once."""
    verify_scope: Literal["usable", "tenant"] = "usable"
    """Whether a lookup by checksum tells only files that the caller may use, or foreign ones of the tenant as well."""

    provider: str = _also("amazon_s3", "azure")
    """The default storage; only "amazon_s3" and "minio" can presign (§4.1)."""
    sessions: bool = True
    """Whether a storage hands out sessions, or that path is a 404 as on an older backend (§2.1, row 18)."""
    session_seconds: float = _also(3600.0, 0.0)
    """How long a session lasts; 0: none says when it ends."""
    session_code: Literal["", "provider_unsupported", "credential_not_registered", "expired"] = ""
    """Why no session of a storage that was made is handed out, for good."""
    storage_secrets: bool = True
    """Whether a storage's configuration holds its keys, or they are managed elsewhere (§2.1, row 17)."""
    presigned_check: bool = True
    """Whether confirming compares the client's digest with the stored bytes, or takes it on trust (§3)."""
    etags: Literal["md5", "opaque"] = "md5"
    """Whether the storage's ETag is the MD5 of the object or part, or says nothing about it (§4.4)."""
    empty_files: Literal["reject", "accept"] = "reject"
    """Whether an empty file can be sent whole (§4.6)."""
    chunked_ids: Literal["uuid", "int"] = "uuid"
    """Kind of upload ids (§4.3)."""
    chunked_once: bool = False
    """Whether an upload can become a data file only once."""
    unlocked_appends: bool = False
    """Whether two parts in flight with the same start are both appended."""

    v1_reply: Literal["list", "results"] = "list"
    """Shape of the answer to making units and tasks (§5)."""
    v1_repeat: Literal["duplicate", "reuse"] = "duplicate"
    """What a repeated unit does."""
    v1_unknown: Literal["reject", "drop"] = "reject"
    """Whether a unit with an unknown checksum is refused or silently left out."""
    v1_specs: Literal["reject", "accept"] = "reject"
    """Whether a unit that doesn't fit the collection's specs is refused or made all the same."""
    v1_atomic: bool = True
    """Whether a request with bad units makes nothing; else it makes the good ones and answers 400 all the same."""
    v1_listing: Literal["full", "files", "meta", "bare"] = "full"
    """What GET data_units/ shows: meta and files; no meta; meta and of files the URL only; or neither."""
    v1_filters: bool = True
    """Whether v1 lists heed data_collection, project and ordering, or show everything to everybody."""
    v1_order: Literal["newest", "oldest"] = "newest"
    """What v1 lists begin with, unless `ordering` is asked for."""
    v1_created: bool = True
    """Whether v1 tells when something was created."""

    v2_reuse_meta: Literal["keep", "replace"] = "keep"
    """Whether a reused unit keeps its meta or gets the request's."""
    v2_knows_v1: bool = True
    """Whether v2 finds units that v1 made when it is asked for equal ones."""


def switches() -> dict[str, tuple[Any, ...]]:
    """Every option that stands for an unknown behaviour with all of its values, the default first."""
    hints = get_type_hints(Options)
    found = {option.name: _values(option, hints[option.name]) for option in fields(Options)}
    return {name: tuple(values) for name, values in found.items() if values}


def _values(option: Field[Any], hint: Any) -> list[Any]:
    values = option.metadata.get("values", ())
    if hint is bool:
        values = (True, False)
    elif get_origin(hint) is Literal:
        values = get_args(hint)
    return sorted(values, key=lambda value: bool(value != option.default))
