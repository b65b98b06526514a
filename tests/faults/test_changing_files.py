"""A file that becomes another one while it is read, for its checksum or to be sent: what it was is not registered."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from synapse_sync.sources.reading import ObservedFile

from .chosen import chosen
from .hurry import LARGE, MEDIUM
from .oracle import come_to_rest, contents_of, details, judge
from .workload import UNITS, WAYS, Site, content, sha1

SAMPLE = 10
SIZES = {"small": 0, "medium": MEDIUM, "large": LARGE}  # one for each way of sending
OPENED = {"its checksum is computed": 1, "it is sent": 2}


def rewritten(path: Path, data: bytes) -> bytes:
    """In place, with the same size and the same time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return data


def replaced(path: Path, data: bytes) -> bytes:
    """By another file of the same size and the same time."""
    before = path.stat()
    other = path.with_name(".new")
    other.write_bytes(data)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)
    return data


def truncated(path: Path, _data: bytes) -> bytes:
    """Its second half is gone."""
    os.truncate(path, path.stat().st_size // 2)
    return path.read_bytes()


def grown(path: Path, data: bytes) -> bytes:
    """A writer goes on."""
    with path.open("ab") as file:
        file.write(data)
    return path.read_bytes()


def vanished(path: Path, _data: bytes) -> None:
    """It is deleted."""
    path.unlink()


def a_folder(path: Path, _data: bytes) -> None:
    """A folder has its name."""
    path.unlink()
    path.mkdir()


def a_symlink(path: Path, data: bytes) -> None:
    """A link has its name, to a file elsewhere."""
    target = path.parents[2] / "elsewhere.png"
    target.write_bytes(data)
    path.unlink()
    path.symlink_to(target)


def a_fifo(path: Path, _data: bytes) -> None:
    """A FIFO has its name: opening it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


BECOMES = (rewritten, replaced, truncated, grown, vanished, a_folder, a_symlink, a_fifo)


class Case(NamedTuple):
    """What a file becomes, of which size, and when."""

    way: str
    size: str
    becomes: Callable[[Path, bytes], bytes | None]
    opened: str

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.way}: a {self.size} file {self.becomes.__name__} while {self.opened}"


CASES = [Case(way, size, becomes, opened) for way in WAYS for size in SIZES for becomes in BECOMES for opened in OPENED]


def change_while_read(patches: pytest.MonkeyPatch, path: Path, opening: int, change: Callable[[], None]) -> None:
    """Do it after the first piece was read in this opening of the file."""
    opened: Counter[bytes] = Counter()
    begin, read = ObservedFile.__init__, ObservedFile.read

    def counting(self: Any, name: bytes, *arguments: Any, **named: Any) -> None:
        begin(self, name, *arguments, **named)
        opened[name] += 1

    def changing(self: Any, size: int | None = -1, /) -> bytes:
        data = read(self, size)
        if self._path == os.fsencode(path) and opened[self._path] == opening:
            opened[self._path] += 100
            change()
        return data

    patches.setattr(ObservedFile, "__init__", counting)
    patches.setattr(ObservedFile, "read", changing)


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name) for one in chosen(CASES, SAMPLE, "changes")])
def test_what_a_file_was_is_never_registered(site_of: Callable[..., Site], case: Case) -> None:
    old, new = content("the old one", SIZES[case.size]), content("the new one", SIZES[case.size])
    site = site_of(case.way)
    site.set_up({**UNITS, "p7": {"image_1": old, "label_1": b"a label"}})
    path = site.share / "p7" / "image.png"
    became: list[bytes | None] = []

    with pytest.MonkeyPatch.context() as patches:
        change_while_read(patches, path, OPENED[case.opened], lambda: became.append(case.becomes(path, new)))
        assert site.sync().exit_code in (0, 1)

    assert became, "the file was read"
    if became[0] is None:
        del site.expected["p7"]
    else:
        site.expected["p7"]["image_1"] = became[0]
    come_to_rest(site)
    judge(site)
    assert sha1(old) not in registered(site)


def registered(site: Site) -> set[str]:
    """The contents (SHA-1) that units are made of."""
    events = site.server.events()
    contents = contents_of(events)
    return {contents[file["checksum"]] for unit in details(events, "unit") for file in unit["files"].values()}
