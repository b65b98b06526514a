"""Paths and patterns as a person types them: "~/scans", "scans" beside the config file, "**/*.png".

A path leaves absolute, with "." and ".." resolved by name only: reading the configuration never touches a watched
folder, which may be a network mount that hangs. The folder of the config file comes through pydantic's validation
context ({"folder": …}); without one it is the current folder. Errors are ValueErrors in words.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

from synapse_sync.config.addresses import host_and_path, share_and_path

WEB = ("webdav", "webdavs", "http", "https")
"""Kinds of folders of web servers."""


def is_remote(path: str) -> bool:
    """Whether a path is a URL ("s3://bucket/prefix") and not a local folder."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def resolve_path(value: str, folder: str) -> str:
    """The absolute local path that `value` means in `folder`; a URL keeps its meaning. Raises ValueError."""
    if not value.strip():
        raise ValueError("is empty; write a path")
    if "\0" in value:
        raise ValueError("holds a NUL character")
    if is_remote(value):
        return _remote(value)
    expanded = os.path.expanduser(value)
    if expanded.startswith("~"):
        raise ValueError(f'"{value}": there is no such user; write the whole path')
    return os.path.normpath(os.path.join(folder, expanded))


def _remote(url: str) -> str:
    """A URL with its scheme in lower case and without the last slash. Raises ValueError, which repeats no secret."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("/")[0]
    if ":" in place.rpartition("@")[0]:
        raise ValueError(
            "holds a secret; write the URL without it, and name where the secret is in [feeds.remote] (profile, "
            "access_key_env, credentials_file, password_env, key_file, …)"
        )
    if scheme.lower() in ("s3", "gs") and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]+", place):
        raise ValueError(f"does not begin with the name of a bucket; write it like {scheme.lower()}://bucket/prefix")
    if scheme.lower() == "az":
        _check_container(place, rest)
    meant = f"{scheme.lower()}://{rest.removesuffix('/')}"
    if scheme.lower() in ("sftp", "ftp", "ftps", *WEB):
        host_and_path(meant)
    if scheme.lower() == "smb":
        share_and_path(meant)
    return meant


def _check_container(place: str, rest: str) -> None:
    if re.search(r"[?&]sig=", rest):
        raise ValueError(
            "holds a shared access signature; write az://container/prefix, and name its variable with "
            "sas_token_env in [feeds.remote]"
        )
    if not re.fullmatch(r"[$a-z0-9][a-z0-9-]+", place):
        raise ValueError("does not begin with the name of a container; write it like az://container/prefix")


def below_root(path: str, root: str) -> str | None:
    """What a path that a person typed (in full, or relative to the root) is relative to a root; None where it is not
    below it. Names are compared, nothing is looked at; a path below a URL is taken literally.
    """
    if is_remote(path):
        prefix = root + "/"
        return path.removeprefix(prefix) if path.startswith(prefix) and path != prefix else None
    if is_remote(root) and os.path.isabs(path):
        return None
    relative = os.path.relpath(path, root) if os.path.isabs(path) else os.path.normpath(path)
    return None if relative in (".", "..") or relative.startswith("../") else relative


def check_pattern(pattern: str) -> str:
    """The pattern itself if it is a gitignore pattern that can match something. Raises ValueError."""
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            spec = GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error, FutureWarning):
        raise ValueError(f'"{pattern}" is not a valid pattern; patterns are those of gitignore, like "*.png"') from None
    if all(part.include is None for part in spec.patterns):
        raise ValueError(f'"{pattern}" matches nothing; patterns are those of gitignore, like "*.png" or "old/"')
    return pattern


def path_in_context(value: str, info: ValidationInfo) -> str:
    """The absolute path or URL that a typed one means in the folder of the validation's context."""
    folder = (info.context or {}).get("folder") or os.getcwd()
    return resolve_path(value, os.fspath(folder))


def _file(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and is_remote(value):
        raise ValueError("must be a local file")
    return Path(path_in_context(value, info)) if isinstance(value, str) else value


FilePath = Annotated[Path, BeforeValidator(_file), WithJsonSchema({"type": "string"})]
"""An absolute file name."""

Pattern = Annotated[str, AfterValidator(check_pattern)]
"""One gitignore pattern."""
