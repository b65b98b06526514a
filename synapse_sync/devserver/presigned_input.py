"""What may be asked of issuing and confirming presigned uploads (protocol §2.3, §2.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synapse_sync.devserver.envelope import Refused

_MOST_FILES = 1000
_SHORTEST, _LONGEST, _DEFAULT = 60, 86400, 3600


def _files(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    files = body.get("files")
    if not isinstance(files, list) or not 1 <= len(files) <= _MOST_FILES or not all(isinstance(f, dict) for f in files):
        raise Refused(400, "Invalid input.", problems=[("files", f"must be a list of 1 to {_MOST_FILES} objects")])
    return files


def _check_text(problems: list[tuple[str, str]], at: str, value: object, longest: int) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        problems.append((at, f"must be a text of 1 to {longest} characters"))


def _check_size(problems: list[tuple[str, str]], at: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        problems.append((at, "must be a whole number of at least 1"))


def _refuse(problems: Sequence[tuple[str, str]]) -> None:
    if problems:
        raise Refused(400, f"{problems[0][0]}: {problems[0][1]}", problems=problems, v1=dict(problems))


def check_issue(body: Mapping[str, Any], *, v2: bool) -> tuple[list[dict[str, Any]], int]:
    """The files to issue URLs for, and their lifetime in seconds. Raises Refused 400."""
    files = _files(body)
    problems: list[tuple[str, str]] = []
    for index, file in enumerate(files):
        _check_text(problems, f"files[{index}].filename", file.get("filename"), 255)
        _check_size(problems, f"files[{index}].size", file.get("size"))
        if "content_type" in file and (v2 or file["content_type"] is not None):
            _check_text(problems, f"files[{index}].content_type", file["content_type"], 255)
    lifetime = body.get("expiration", _DEFAULT)
    if not isinstance(lifetime, int) or not _SHORTEST <= lifetime <= _LONGEST:
        problems.append(("expiration", f"must be {_SHORTEST} to {_LONGEST} seconds"))
    _refuse(problems)
    return files, lifetime


def check_confirm(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files to confirm. Raises Refused 400."""
    files = _files(body)
    problems: list[tuple[str, str]] = []
    for index, file in enumerate(files):
        at = f"files[{index}]"
        _check_text(problems, f"{at}.file_key", file.get("file_key"), 1024)
        _check_text(problems, f"{at}.checksum", file.get("checksum"), 128)
        _check_size(problems, f"{at}.size", file.get("size"))
        multipart = file.get("multipart")
        if multipart is None:
            continue
        if not isinstance(multipart, dict) or not isinstance(multipart.get("parts"), list):
            problems.append((f"{at}.multipart", "must have upload_id and parts"))
            continue
        _check_text(problems, f"{at}.multipart.upload_id", multipart.get("upload_id"), 255)
        for place, part in enumerate(multipart["parts"]):
            part_at = f"{at}.multipart.parts[{place}]"
            _check_size(problems, f"{part_at}.part_number", part.get("part_number"))
            _check_text(problems, f"{part_at}.etag", part.get("etag"), 255)
    _refuse(problems)
    return files
