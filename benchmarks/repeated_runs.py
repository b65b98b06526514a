"""The variants of end_to_end.py in which `once` runs twice: on unchanged data, and after it was killed half way."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from clients import OURS, Client, Share, check_once, once, once_command, since, write_share
from content_reads import content_reads
from installation import TOKEN, counts
from measure import scratch_folder, verdict
from processes import Failed, Finished, median, tell
from variants import MEMORY, Variant


def second_run(variant: Variant, files: int, rounds: int, url: str, theirs: Mapping[str, Client]) -> None:
    """Everything is there already. The SDK keeps nothing between calls: its next one sends all of it again."""
    results: dict[str, list[Finished]] = {name: [] for name in (OURS, *theirs)}
    received: list[int] = []
    reads: list[int] = []
    for _ in range(rounds):
        with scratch_folder() as folder:
            share = write_share(variant, files, folder)
            before = counts(url)
            once(url, variant.collection, folder)
            check_once(variant.title, share, since(url, before))
            before = counts(url)
            with content_reads(folder / "share") as seen:
                results[OURS].append(once(url, variant.collection, folder))
            got = since(url, before)
            if got["units"] or got["files"]:
                raise Failed(f"{variant.title}: nothing was to be sent, the server got {got}")
            received.append(got["bytes"])
            reads.append(seen.count)
            for name, client in theirs.items():
                results[name].append(client(url, variant.collection, folder))
    for name, runs in results.items():
        tell(name, median(runs), files, variant.size)
    ratios = (
        min(them) / us for us, *them in zip(*([one.seconds for one in runs] for runs in results.values()), strict=True)
    )
    verdict("  SDK's better time / ours", statistics.median(ratios), variant.target, at_least=True)
    verdict("  bytes that we sent", max(received), 0, at_least=False)
    verdict("  reads of files' content by us", max(reads), 0, at_least=False)
    verdict("  our peak memory in MB", median(results[OURS]).peak_mb, MEMORY, at_least=False)


def after_kill(variant: Variant, files: int, rounds: int, url: str) -> None:
    """SIGKILL at half of the bytes; the next run may send at most `target` of them, and each unit is there once."""
    results: list[Finished] = []
    again: list[float] = []
    at: list[float] = []
    for _ in range(rounds):
        with scratch_folder() as folder:
            share = write_share(variant, files, folder)
            before = counts(url)
            _run_to_half(variant, share, url)
            killed_at = _settled(url)
            results.append(once(url, variant.collection, folder))
            check_once(variant.title, share, since(url, before))
            at.append((killed_at["bytes"] - before["bytes"]) / share.size)
            again.append(since(url, killed_at)["bytes"] / share.size)
    print(f"  killed when {statistics.median(at):.0%} of the bytes had arrived; then:")
    tell(OURS, median(results), files, variant.size)
    what = "  bytes that the next run sent / all, the most of the rounds"
    verdict(what, max(again), variant.target, at_least=False)
    verdict("  our peak memory in MB", median(results).peak_mb, MEMORY, at_least=False)


def _run_to_half(variant: Variant, share: Share, url: str) -> None:
    """Start `once`, and kill it when half of the bytes have arrived."""
    enough = counts(url)["bytes"] + share.size / 2
    command = [str(word) for word in once_command(url, variant.collection, share.folder)]
    log = share.folder / "killed.log"
    with log.open("wb") as output, _process(command, output.fileno()) as process:
        while counts(url)["bytes"] < enough:
            if process.poll() is not None:
                raise Failed(f"{variant.title}: it ended before half had arrived: {_text(log)}")
            time.sleep(0.01)
        process.kill()
        process.wait()


def _process(command: list[str], output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, env={**os.environ, **TOKEN})


def _text(log: Path) -> str:
    return log.read_text(errors="replace").strip()


def _settled(url: str) -> dict[str, int]:
    """Counts once nothing more comes in from a process that is gone."""
    last = counts(url)
    while True:
        time.sleep(0.2)
        now = counts(url)
        if now["bytes"] == last["bytes"]:
            return now
        last = now
