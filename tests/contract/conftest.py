"""The real synapse-sdk for the contract tests: used where it can be, and loudly missed where it can't."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sync.devserver import DevServer, Options
from tests.contract import openapi

SDK_VERSION = "2026.2.17"


@pytest.fixture(scope="session")
def sdk() -> None:
    """The real SDK is there, in the version that the protocol was read from; else the test is skipped with the reason."""
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
