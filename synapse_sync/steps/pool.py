"""Threads for one batch of work, which an error or Ctrl-C ends at the next item instead of at the last."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def stopping_pool(threads: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool whose items that have not begun are dropped on leaving; those under way are waited for."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
