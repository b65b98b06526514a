"""Azurite, Microsoft's own emulator of Azure Blob Storage, from npm; and containers in it.

It checks keys and shared access signatures, ranges and conditions. It has no hierarchical accounts and no Entra: what
the service says of those is tested with answers of the tests' own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from synapse_sync.config import Remote
from synapse_sync.sources.azure.source import AzureSource
from synapse_sync.sources.base import Source

from .interference import Answer
from .starting import free_port, wait_for

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Those that every Azurite has (its README)."""

VARIABLE = "SYNAPSE_SYNC_AZURITE"
INSTALLED = Path(__file__).parents[3] / ".azurite/node_modules/.bin/azurite-blob"  # where .ci/run installs it
_NAMED = os.environ.get(VARIABLE, "")  # before each test clears what comes from outside


def binary() -> str:
    """The server itself; where there is none, it is said loudly what was not tested."""
    found = _NAMED or (str(INSTALLED) if INSTALLED.exists() else shutil.which("azurite-blob"))
    if not found or not shutil.which("node"):
        pytest.skip(f"NOT TESTED az:// against Azurite: npm install --prefix .azurite azurite (or see {VARIABLE})")
    return found


class Azurite:
    """The server. It has the same port again when it is started again, and its blobs where it `keeps` them."""

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        self.binary, self.folder, self.port = binary(), folder, free_port()
        self.place = ["--location", str(folder)] if keeps else ["--inMemoryPersistence"]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [self.binary, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), *self.place]
        command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        log = self.folder / "log"
        with log.open("ab") as written:
            self.process = subprocess.Popen(command, stdout=written, stderr=written, cwd=self.folder)
        wait_for(self.port, self.process, log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()  # else it forgets what it has not written down yet
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:  # it waits for who reads
                self.process.kill()
                self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()


def refused(status: int, code: str = "", headers: str = "", detail: str = "") -> Answer:
    """What the service says when it refuses."""
    said = f"<Error><Code>{code}</Code><Message>as the test wants it</Message>"
    said += f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
    return Answer(status, said, f"x-ms-error-code: {code}\r\n{headers}" if code else headers)


@dataclass
class Container:
    """A new container, and a prefix in it."""

    server: Azurite
    prefix: str = "in/"
    name: str = field(default_factory=lambda: f"container-{uuid.uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        credential = {"account_name": ACCOUNT, "account_key": KEY}
        self.client = ContainerClient(self.address, self.name, credential=credential)
        self.session, self.right = requests.Session(), self.signature("rwl")
        self.make()

    @property
    def port(self) -> int:
        return self.server.port

    def address_at(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/{ACCOUNT}"

    @property
    def address(self) -> str:
        return self.address_at(self.port)

    @property
    def url(self) -> str:
        return f"az://{self.name}/{self.prefix}".removesuffix("/")

    @property
    def table(self) -> str:
        return f'endpoint_url = "{self.address}"\n'

    def shows(self, name: str) -> bool:
        return True

    def make(self) -> None:
        self.client.create_container()

    def put(self, path: str, content: bytes, **about: Any) -> None:
        """about: what the library may be told of it; without that it is left out, which takes ten times as long."""
        if about:
            self.client.upload_blob(self.prefix + path, content, overwrite=True, **about)
            return
        place = f"{self.address}/{self.name}/{quote(self.prefix + path)}?{self.right}"
        self.session.put(place, content, headers={"x-ms-blob-type": "BlockBlob"}).raise_for_status()

    def delete(self, path: str) -> None:
        self.client.delete_blob(self.prefix + path)

    def remove(self) -> None:
        self.client.delete_container()

    def signature(self, rights: str = "rl", ends: timedelta = timedelta(hours=1)) -> str:
        """A shared access signature of the container."""
        permissions = ContainerSasPermissions.from_string(rights)
        made = {"account_key": KEY, "permission": permissions, "expiry": datetime.now(UTC) + ends}
        return str(generate_container_sas(ACCOUNT, self.name, **made))

    def source(self, *, endpoint: str = "", access: dict[str, Any] | None = None, **options: Any) -> AzureSource:
        address = f"{endpoint}/{ACCOUNT}" if endpoint else self.address
        return AzureSource(self.url, Remote(endpoint_url=address, **(access or {})), **options)

    def elsewhere(self) -> Source:
        return AzureSource(f"{self.url}2", Remote(endpoint_url=self.address))
