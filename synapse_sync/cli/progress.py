"""What `once` shows while it works: bars on a terminal, nothing elsewhere (the summary comes at the end)."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from synapse_sync.cli.output import console, plain, size

if TYPE_CHECKING:
    from rich.live import Live


class Progress:
    """One live line a feed with its counts; several threads may count."""

    def __init__(self, *, shown: bool) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._lock = threading.Lock()
        self._live: Live | None = None
        if shown and sys.stderr.isatty():
            from rich.live import Live

            self._live = Live(console=console(stderr=True), get_renderable=self._text, transient=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the live display; what is printed from now on stays."""
        if self._live is not None:
            self._live.stop()

    def watch(self, feed: str) -> Callable[[str, int], None]:
        """What a run calls for each thing it counts."""
        counts = self._counts.setdefault(feed, Counter())

        def counted(name: str, amount: int) -> None:
            with self._lock:
                counts[name] += amount

        return counted

    def _text(self) -> str:
        with self._lock:
            return "\n".join(_line(feed, counts) for feed, counts in self._counts.items())


def _line(feed: str, counts: Counter[str]) -> str:
    parts = [f"{counts['listed']:,} listed"]
    if counts["settling"] and not counts["read_files"]:
        parts.append("waiting for new files to settle")
    if counts["read_files"]:
        parts.append(f"{counts['read_files']:,} read ({size(counts['read_bytes'])})")
    if counts["sent_bytes"]:
        parts.append(f"{counts['sent_files']:,} sent ({size(counts['sent_bytes'])})")
    if counts["registered"]:
        parts.append(f"{counts['registered']:,} units registered")
    return f"{plain(feed)}: {' · '.join(parts)}"
