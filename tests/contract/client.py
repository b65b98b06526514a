"""What the tests of our client share: a destination that is closed, contents, units, and one example of every call."""

import hashlib
import io
import json
import threading
from contextlib import contextmanager
from dataclasses import asdict
from queue import SimpleQueue
from typing import NamedTuple

import pytest

from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.errors import SourceError
from synapse_sync.records import Digests, Learned, OutgoingUnit, UploadProgress

TOKEN = "syn_dev"
SPECS = [
    {"name": "image_1", "file_type": "image", "extensions": [".png", ".jpg"], "is_required": True},
    {"name": "note_1", "file_type": "text", "extensions": [".txt"], "is_required": False},
]


def classic(url, token=TOKEN, tenant="", **options):
    """A destination that knows of a server which speaks v1 and issues no presigned URLs."""
    destination = SynapseDestination(url, token, tenant, **options)
    destination.recall(Learned(api="v1", presigned="no"))
    return destination


@contextmanager
def connected(url, token=TOKEN, tenant="", **options):
    """A classic destination that is closed at the end."""
    destination = classic(url, token, tenant, **options)
    try:
        yield destination
    finally:
        destination.close()


@contextmanager
def presigning(server, api="v1", **options):
    """A destination that has yet to learn whether this server issues presigned URLs, and a collection there."""
    destination = SynapseDestination(server.url, TOKEN, api=api, **options)
    destination.collection = server.create_collection("scans", SPECS)
    try:
        yield destination
    finally:
        destination.close()


class Journal:
    """What a ledger would keep: the last progress, as JSON; may be told to die when a piece has been acknowledged."""

    def __init__(self, die_at=None):
        self.kept = None
        self.sent = 0
        self.calls = 0
        self._die_at = die_at

    def __call__(self, state, sent):
        self.kept = json.dumps(asdict(state))
        self.sent += sent
        self.calls += 1
        if self.calls == self._die_at:
            raise KeyboardInterrupt

    @property
    def state(self):
        """What the next attempt is given; None where it is to begin anew."""
        state = UploadProgress(**json.loads(self.kept)) if self.kept else None
        return state if state is not None and state.upload_id else None


def digests(data):
    """What the checksum step would have found."""
    return Digests(hashlib.md5(data).hexdigest(), hashlib.sha1(data).hexdigest(), len(data))


def send(destination, data, name="a.png"):
    """Upload `data`; nobody records the progress."""
    collection = getattr(destination, "collection", 1)
    return destination.put(collection, io.BytesIO(data), name, digests(data), None, lambda state, sent: None)


class Held(NamedTuple):
    """A small content in memory, or an error of the file that it would be read from."""

    name: str
    data: bytes | SourceError
    digests: Digests

    def read(self):
        if isinstance(self.data, SourceError):
            raise self.data
        return self.data


def held(data, name="a.png", actual=None):
    """`data` as it goes through put_small; `actual` is what the file holds by then."""
    return Held(name, data if actual is None else actual, digests(data))


def send_small(destination, *contents):
    """What became of these contents, in their order."""
    queue, outcomes, stopping = SimpleQueue(), {}, threading.Event()
    for content in (*contents, None):
        queue.put(content)
    collection = getattr(destination, "collection", 1)
    destination.put_small(collection, queue, lambda content, outcome: outcomes.update({id(content): outcome}), stopping)
    return [outcomes[id(content)] for content in contents]


def send_one_small(destination, data, name="a.png"):
    """As send(), through put_small."""
    (outcome,) = send_small(destination, held(data, name))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def unit(number, checksum, **meta):
    """A unit of one file, with its sync key in meta as the fingerprint step puts it there for v1."""
    files = {"image_1": (checksum, f"dir/{number}.png")}
    key = f"key-{number}"
    return OutgoingUnit(number, f"unit-{number}", files, {**meta, "sync_key": key}, sync_key=key)


CALLS = {
    "check": lambda destination: destination.check(),
    "open": lambda destination: destination.open(1),
    "present": lambda destination: destination.present([digests(b"x")]),
    "put": lambda destination: send(destination, b"x"),
    "put_small": lambda destination: send_one_small(destination, b"x"),
    "register": lambda destination: destination.register(1, [unit(1, "0" * 32)], destination.api),
    "create_tasks": lambda destination: destination.create_tasks(1, 1, [1], destination.api),
}
CHANGES = ("put", "put_small", "register", "create_tasks")
EVERY_CALL = pytest.mark.parametrize("call", CALLS)
APIS = pytest.mark.parametrize("api", ["v1", "v2"])
