"""Paths in a storage of the server's (`storage = 11`): relative to its root, which the server alone knows. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo

from synapse_sync.config.paths import is_remote, path_in_context

ROOT = "."
"""The storage's root itself."""


def is_relative(path: str) -> bool:
    """Whether a path as typed may be one in a storage: it has neither scheme nor leading slash, and is no home's."""
    return not (is_remote(path) or path.startswith("~") or os.path.isabs(path))


def storage_path(value: str) -> str:
    """The path below the storage's root, "." for the root itself. Raises ValueError."""
    if not is_relative(value):
        raise ValueError(
            "is no path in a storage, whose paths begin with neither a scheme nor a slash; remove storage, or write "
            "the path below the storage's root"
        )
    if "\0" in value:
        raise ValueError("holds a NUL character")
    parts = [part for part in value.removesuffix("/").split("/") if part != "."]
    if ".." in parts:
        raise ValueError('must not leave the storage with ".."; write the path below its root')
    if "" in parts and parts != [""]:
        raise ValueError("has two slashes in a row; write one, or the whole URL without storage")
    return "/".join(parts) or ROOT


def with_storage_of_feed(data: Any) -> Any:
    """A feed as read, in which each asset with a relative path and no storage of its own has that of the feed."""
    if not isinstance(data, Mapping) or data.get("storage") is None or not isinstance(data.get("assets"), Mapping):
        return data
    return {**data, "assets": {spec: _inheriting(asset, data["storage"]) for spec, asset in data["assets"].items()}}


def _inheriting(asset: Any, storage: Any) -> Any:
    if not isinstance(asset, Mapping) or not isinstance(asset.get("path"), str):
        return asset
    inherits = asset.get("storage") is None and is_relative(asset["path"])
    return {**asset, "storage": storage} if inherits else asset


def _resolved(value: str, info: ValidationInfo) -> str:
    in_storage = info.data.get("storage") is not None
    return storage_path(value) if in_storage else path_in_context(value, info)


SourcePath = Annotated[str, AfterValidator(_resolved)]
"""An absolute path, a URL, or with `storage` (which must be validated before it) one below that storage's root."""
