"""A share that goes up by every route, and the three ways in which a server is asked for it.

Six units: small files (many side by side), one of medium size (alone, whole), a large one (in pieces), contents that
units share, an optional file; each unit in a group, each with a task.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synapse_sync.devserver import DevServer
from tests.integration.conftest import DICOM, IMAGE, LABEL, Installation

from .hurry import LARGE, MEDIUM, PIECE, WHOLE

SPECS = [IMAGE, LABEL, DICOM]
NAMES = {"image_1": "image.png", "label_1": "label.json", "dicom_1": "scan.dcm"}
GROUPS = ["faults", "{dir1}"]
TAIL = f'groups = ["{GROUPS[0]}", "{GROUPS[1]}"]'
DIRECTORY = '[feeds.grouping]\nby = "directory"\n'

Units = Mapping[str, Mapping[str, bytes]]
"""Unit key to the content of each spec's file."""


def content(name: str, size: int = 0) -> bytes:
    """Bytes that only this name has."""
    return f"content of {name};".encode() + random.Random(name).randbytes(size)


UNITS: Units = {
    "p1": {"image_1": content("image 1"), "label_1": content("label 1")},
    "p2": {"image_1": content("image 2"), "label_1": content("label 2"), "dicom_1": content("scan 2")},
    "p3": {"image_1": content("image 3", MEDIUM), "label_1": content("label 1")},
    "p4": {"image_1": content("image 4", LARGE), "label_1": content("label 4")},
    "p5": {"image_1": content("image 1"), "label_1": content("label 5")},
    "p6": {"image_1": content("image 6"), "label_1": content("label 6"), "dicom_1": content("image 3", MEDIUM)},
}


@dataclass(frozen=True)
class Way:
    """How the product and a server talk: the API of registrations, and what the server offers for files.

    storage: whether the share is a storage of the server's, which is asked where that is.
    """

    name: str
    api: str
    options: Mapping[str, Any] = field(default_factory=dict)
    storage: bool = False

    @property
    def register(self) -> str:
        """The route that makes units."""
        return {"v1": "POST data_units/", "v2": "POST v2/data-units/bulk-create/"}[self.api]

    @property
    def tasks(self) -> str:
        """The route that makes tasks."""
        return {"v1": "POST tasks/", "v2": "POST v2/tasks/bulk-create/"}[self.api]

    @property
    def confirm(self) -> str:
        """The route after which an upload counts."""
        presigned = {
            "v1": "POST data_files/presigned_upload/confirm_upload/",
            "v2": "POST v2/data-collections/{id}/finalize-upload/",
        }
        return presigned[self.api] if self.presigned else "POST data_files/"

    @property
    def presigned(self) -> bool:
        """Whether files go by presigned URLs."""
        return "provider" not in self.options


_PARTS = {"multipart_threshold": WHOLE, "part_size": PIECE}
WAYS = {
    way.name: way
    for way in (
        Way("v1-whole", "v1", {"provider": "azure"}),
        Way("v1-presigned", "v1", _PARTS, storage=True),
        Way("v2-presigned", "v2", _PARTS),
    )
}


class Site(Installation):
    """An installation that goes one way."""

    def __init__(self, folder: Path, server: DevServer, way: Way) -> None:
        super().__init__(folder, server)
        self.way = way
        self.expected: dict[str, dict[str, bytes]] = {}

    def set_up(self, units: Units = UNITS, upload: str = "") -> None:
        """Write the config and the files."""
        head = f'read_timeout = "1s"\napi = "{self.way.api}"\n[upload]\nchunk_size = "{PIECE // 1024}KiB"\n{upload}'
        self.configure(specs=SPECS, extra=DIRECTORY, head=head, feed=TAIL, project=True)
        if self.way.storage:
            number = self.server.create_storage("file_system", {"location": str(self.folder)})
            config = Path(self.config)
            config.write_text(config.read_text().replace('path = "share"', f'path = "share"\nstorage = {number}'))
        self.add(units)

    def add(self, units: Units) -> None:
        """Write the files of more units; each appears whole."""
        for key, files in units.items():
            self.expected[key] = dict(files)
            folder = self.share / f".{key}.new"
            folder.mkdir()
            for spec, data in files.items():
                (folder / NAMES[spec]).write_bytes(data)
            folder.rename(self.share / key)


def sha1(data: bytes) -> str:
    """What the backend keeps a content under."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
