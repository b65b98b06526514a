"""What the contract tests share: embedded backends, plain sessions with them, and the real synapse-sdk.

The SDK is used where it can be, and loudly missed where it can't.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from synapse_sync.devserver import DevServer, Options
from tests.contract import openapi

SDK_VERSION = "2026.2.17"


@pytest.fixture(scope="session")
def sdk() -> None:
    """The real SDK is there, in the version that the protocol was read from; else a skip with the reason."""
    missed = f"NOT TESTED with the real synapse-sdk {SDK_VERSION}: "
    if sys.version_info < (3, 12):
        pytest.skip(missed + f"it needs Python 3.12 or newer, this is {sys.version.split()[0]}")
    if importlib.util.find_spec("synapse_sdk") is None:
        pytest.skip(
            missed + f"it is not installed; `pip install --no-deps synapse-sdk=={SDK_VERSION}` and "
            "`pip install aiohttp httpx numpy pillow pydantic pyyaml requests` are enough"
        )
    found = importlib.metadata.version("synapse-sdk")
    assert found == SDK_VERSION, f"these tests speak of synapse-sdk {SDK_VERSION}, and {found} is installed"


@pytest.fixture(scope="session")
def description() -> None:
    """The published v2 API description is there; else the test is skipped with the reason."""
    if openapi.description_file() is None:
        pytest.skip(openapi.MISSING)


@pytest.fixture(scope="module")
def shared_devserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """One backend for a module, whose multipart threshold is small enough to be crossed by a test."""
    data = tmp_path_factory.mktemp("devserver")
    with DevServer(Options(data=data, multipart_threshold=64 * 1024, part_size=32 * 1024, page_size=3)) as running:
        yield running


@pytest.fixture
def devserver(shared_devserver: DevServer) -> DevServer:
    """The module's backend without another test's faults and counts."""
    shared_devserver.clear_faults()
    shared_devserver.reset_stats()
    return shared_devserver


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small PNG file whose content is this test's own."""
    file = tmp_path / "scan.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + str(tmp_path).encode())
    return file


class Api(requests.Session):
    """A session with one backend: paths instead of URLs, the token in v1's spelling, no retries, no redirects."""

    def __init__(self, server: DevServer) -> None:
        super().__init__()
        self.trust_env = False
        self.base = server.url
        self.headers["Synapse-Access-Token"] = f"Token {server.options.token}"

    def call(self, method: str, path: str, body: object = None, **more: Any) -> requests.Response:
        """One request to a path without its leading slash; `body` is sent as JSON."""
        more = {"timeout": 10, "allow_redirects": False, **more}
        return self.request(method, f"{self.base}/{path}", json=body, **more)

    def send_file(self, content: bytes, name: str = "a.png") -> str:
        """Send a file whole; returns its checksum."""
        answer = self.call("POST", "data_files/", files={"file": (name, content)})
        assert answer.status_code == 201, answer.text
        checksum: str = answer.json()["checksum"]
        return checksum


@pytest.fixture
def api(devserver: DevServer) -> Iterator[Api]:
    """A session with the module's backend."""
    with Api(devserver) as session:
        yield session


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[DevServer, Api]]]:
    """Starts further backends with options of their own; all of them end with the test."""
    with ExitStack() as ends:

        def start(**options: Any) -> tuple[DevServer, Api]:
            data = options.pop("data", tmp_path / f"data-{secrets.token_hex(4)}")
            server = ends.enter_context(DevServer(Options(data=data, **options)))
            return server, ends.enter_context(Api(server))

        yield start
