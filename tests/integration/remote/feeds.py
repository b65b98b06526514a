"""A feed from a remote place, and files for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..conftest import DIRECTORY, Installation
from .places import RemotePlace

PATIENTS = [f"p{number}" for number in range(12)]


def configured(
    site: Installation, place: RemotePlace, port: int = 0, feed: str = "", extra: str = DIRECTORY, table: str = ""
) -> None:
    """One feed from the place; port: that of a proxy in front of its service. table: access, if it is another one."""
    site.configure(feed=feed, extra=f"{extra}[feeds.remote]\n{table or place.table}")
    config = site.folder / "config.toml"
    text = config.read_text().replace('path = "share"', f'path = "{place.url}"')
    served = getattr(place, "port", 0)
    config.write_text(text.replace(f"127.0.0.1:{served}", f"127.0.0.1:{port}") if port else text)


def fill(place: RemotePlace) -> None:
    for patient in PATIENTS:
        place.put(f"{patient}/image.png", f"image of {patient}".encode())
        place.put(f"{patient}/label.json", f"label of {patient}".encode())


@contextmanager
def polling(site: Installation) -> Iterator[None]:
    """A daemon at work meanwhile, which ends in order."""
    daemon = site.process("run")
    try:
        yield
    finally:
        daemon.terminate()
        print(*daemon.communicate(timeout=60))
    assert daemon.returncode == 0
