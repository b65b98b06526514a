"""What `once` shows while it works: a bar for each feed on a terminal, nothing elsewhere; the summary comes last."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from synapse_sync.cli.output import console
from synapse_sync.shown import plain
from synapse_sync.status.words import size

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class Progress:
    """One bar a feed: files that came to an end of those that were found, and what is being done. Threads may count."""

    def __init__(self, *, shown: bool) -> None:
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        if shown and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[words]}"))
            self._bars = Progress(*columns, console=console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the live display; what is printed from now on stays."""
        if self._bars is not None:
            self._bars.stop()

    def watch(self, feed: str) -> Callable[[str, int], None]:
        """What a run calls for each thing it counts."""
        if self._bars is None:
            return lambda _name, _amount: None
        bars, counts = self._bars, Counter[str]()
        task = bars.add_task(plain(feed), total=None, words="listing")

        def counted(name: str, amount: int) -> None:
            with self._lock:
                counts[name] += amount
                done = counts["registered_files"]
                total = max(counts["to_do"], done) if counts["to_do"] else None
                bars.update(task, total=total, completed=done, words=_words(counts))

        return counted


def _words(counts: Counter[str]) -> str:
    parts = [f"{counts['listed']:,} listed"] if counts["listed"] else []
    if counts["settling"] and not counts["to_do"]:
        parts.append("waiting for new files to settle")
    if counts["read_files"]:
        parts.append(f"{counts['read_files']:,} read ({size(counts['read_bytes'])})")
    if counts["sent_bytes"]:
        parts.append(f"{counts['sent_files']:,} sent ({size(counts['sent_bytes'])})")
    if counts["registered"]:
        parts.append(f"{counts['registered']:,} units registered")
    return " · ".join(parts) or "listing"
