"""The two sides of end_to_end.py, each in a process of its own, and whether all that was to be sent arrived once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from installation import TOKEN, counts, write_config
from processes import Failed, Finished, run
from variants import Variant

HERE = Path(__file__).parent
OURS = "synapse-sync once"
Client = Callable[[str, int, Path], Finished]
"""Sends folder/share to a collection of the server at a URL: (url, collection, folder)."""


class Share(NamedTuple):
    """A folder with files in share/, and what a server must have got of them afterwards."""

    folder: Path
    files: int
    units: int
    size: int


def write_share(variant: Variant, files: int, folder: Path) -> Share:
    """New files of a variant."""
    variant.write(folder / "share", files, variant.size)
    size = sum(path.stat().st_size for path in (folder / "share").rglob("*.*"))
    return Share(folder, files, files // variant.files_a_unit, size)


def once_command(url: str, collection: int, folder: Path) -> list[str | Path]:
    """`synapse-sync once` on folder/share, with config and ledger beside it."""
    config = write_config(folder, url, collection)
    return [Path(sys.executable).with_name("synapse-sync"), "--config", config, "once", "--json"]


def once(url: str, collection: int, folder: Path) -> Finished:
    """One run of ours; a further one in the same folder finds the ledger of the one before."""
    return run(once_command(url, collection, folder), TOKEN)


def sdk_clients(python: Path, *, presign: bool) -> dict[str, Client]:
    """The SDK's ways of sending a folder, by name."""

    def sending(way: str) -> Client:
        return lambda url, collection, folder: run(
            [python, HERE / "sdk_upload.py", way, url, str(collection), folder / "share"]
        )

    ways = {"SDK, collection": sending("collection")}
    return {**ways, "SDK, bulk": sending("bulk")} if presign else ways


def since(url: str, before: Mapping[str, int]) -> dict[str, int]:
    """What the server got after `before` was counted."""
    return {name: count - before[name] for name, count in counts(url).items()}


def check_once(title: str, share: Share, got: Mapping[str, int]) -> None:
    """Raises Failed where the server did not get each file and each unit exactly once."""
    wanted = {"files": share.files, "contents": share.files, "units": share.units, "unit_files": share.files}
    if any(got[name] != count for name, count in wanted.items()):
        raise Failed(f"{title}: {share.files} files in {share.units} units were to be sent, the server got {got}")


def route(got: Mapping[str, int]) -> str:
    """How files and units came, in words."""
    units = "v2" if got["v2_units"] else "v1"
    return f"{got['presigned']:,} of {got['files']:,} files by presigned URL, units by {units}"
