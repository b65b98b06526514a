"""The steps of a run, in order. Each takes what one named query says is ready, does one thing, and records it.

A step is a function of a feed's Work that returns how many rows it moved on; 0 means that nothing was ready.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from synapse_sync.steps.checksum import checksum
from synapse_sync.steps.describe import describe
from synapse_sync.steps.detect import detect
from synapse_sync.steps.fingerprint import fingerprint
from synapse_sync.steps.group import group
from synapse_sync.steps.infer import infer_layout
from synapse_sync.steps.jump import wait_anew
from synapse_sync.steps.learn import keep_learned, learn
from synapse_sync.steps.meta_changes import compare_meta, update_meta
from synapse_sync.steps.reconcile import reconcile
from synapse_sync.steps.recover import recover
from synapse_sync.steps.register import register
from synapse_sync.steps.scan import scan
from synapse_sync.steps.settle import settle
from synapse_sync.steps.tables import read_table
from synapse_sync.steps.tasks import tasks
from synapse_sync.steps.upload import upload
from synapse_sync.steps.verify import verify
from synapse_sync.steps.vouch import vouch
from synapse_sync.steps.work import Run, Work


class Step(NamedTuple):
    """The later goes first: what a source vouches for is looked at before anything is read.

    network: whether it talks to the destination; reads: whether it reads content; alone: whether only one feed of a
    data collection may be at it at a time.
    """

    name: str
    act: Callable[[Work], int]
    network: bool = False
    reads: bool = False
    alone: bool = False


STEPS = (
    Step("settle", settle),
    Step("detect", detect, reads=True),
    Step("infer", infer_layout),
    Step("group", group),
    Step("table", read_table),
    Step("describe", describe),
    Step("compare_meta", compare_meta),
    Step("update_meta", update_meta, network=True, alone=True),
    Step("checksum", checksum, reads=True),
    Step("vouch", vouch, network=True),
    Step("fingerprint", fingerprint),
    Step("verify", verify, network=True),
    Step("upload", upload, network=True, reads=True),
    Step("register", register, network=True, alone=True),
    Step("reconcile", reconcile, network=True, alone=True),
    Step("tasks", tasks, network=True, alone=True),
)

__all__ = ["STEPS", "Run", "Step", "Work", "keep_learned", "learn", "recover", "scan", "settle", "wait_anew"]
