"""Reads contents, chunk by chunk: in threads, and in processes of their own once there is very much to read.

Opening, reading and closing a small file gives up the interpreter's lock some eight times: two threads reach 0.35 to
0.7 of `md5sum -P2`, two processes 0.72 to 0.95 (benchmarks/checksums.py). The processes die with this one however that
ends, and where they can't be had threads go on. They import this module, so it imports little.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import BinaryIO, NamedTuple

from synapse_sync.checksum import digest
from synapse_sync.endings import breaks_off
from synapse_sync.errors import SourceError
from synapse_sync.records import Observation, Reading
from synapse_sync.sources.base import Source
from synapse_sync.sources.spool import Spool

READERS = 2
REMOTE_READERS = 8  # each waits most of its time for its server
MANY = 10_000  # files that a run has read when processes begin to gain more than their start costs
PR_SET_PDEATHSIG = 1  # prctl(2)

Result = Reading | SourceError


class ToRead(NamedTuple):
    """One file of a feed, and what it was observed to be."""

    asset: str
    path: bytes
    observed: Observation


class Readers:
    """The readers of one feed's run; used from one thread. What is read of remote sources is kept in the spool."""

    def __init__(self, sources: Mapping[str, Source], spool: Spool | None = None) -> None:
        self._sources = sources
        self._spool = spool or Spool()
        self._local = {asset: source for asset, source in sources.items() if not source.remote}
        self._processes: ProcessPoolExecutor | None = None
        self._unfit = False
        self._read = 0

    def read(self, chunks: Sequence[Sequence[ToRead]]) -> Iterator[tuple[int, list[Result]]]:
        """The number of each chunk with its files' results, in order, as chunks are done.

        A chunk's files are all local or all remote; the local ones come first.
        """
        left = {number: chunk for number, chunk in enumerate(chunks) if chunk[0].asset in self._local}
        remote = {number: chunk for number, chunk in enumerate(chunks) if number not in left}
        self._read += sum(map(len, left.values()))
        if left and not self._unfit and self._read > MANY:
            try:
                yield from self._over(self._started(), left, _read_there)
            except (OSError, BrokenProcessPool):
                self._unfit = True  # no shared memory here, or a reader was killed: threads take what is left
        for there, readers, read in (
            (left, READERS, partial(_read_all, self._sources)),
            (remote, REMOTE_READERS, partial(_copy_all, self._sources, self._spool)),
        ):
            if there:
                threads = ThreadPoolExecutor(readers, thread_name_prefix="checksum")
                try:
                    yield from self._over(threads, there, read)
                finally:
                    threads.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """End the processes; they start again when they are needed."""
        if self._processes is not None:
            self._processes.shutdown(wait=True, cancel_futures=True)
            self._processes = None

    def _started(self) -> ProcessPoolExecutor:
        if self._processes is None:
            context = get_context("spawn")
            self._processes = ProcessPoolExecutor(READERS, context, initializer=_start, initargs=(self._local,))
        return self._processes

    @staticmethod
    def _over(
        pool: Executor, left: dict[int, Sequence[ToRead]], read: Callable[[Sequence[ToRead]], list[Result]]
    ) -> Iterator[tuple[int, list[Result]]]:
        """Read what is left; each chunk leaves `left` as it is done."""
        futures = {pool.submit(read, chunk): number for number, chunk in left.items()}
        for future in as_completed(futures):
            results = future.result()
            del left[futures[future]]
            yield futures[future], results


def _read_all(sources: Mapping[str, Source], files: Sequence[ToRead]) -> list[Result]:
    return [_read(sources[file.asset], file) for file in files]


def _read(source: Source, file: ToRead) -> Result:
    """The checksums of one file, and whether it is whole; what went wrong is a result like any other."""
    try:
        with source.open_observed(file.path, file.observed) as stream:
            return read(stream)
    except SourceError as error:
        return error


def _copy_all(sources: Mapping[str, Source], spool: Spool, files: Sequence[ToRead]) -> list[Result]:
    return [_copy(sources[file.asset], spool, file) for file in files]


def _copy(source: Source, spool: Spool, file: ToRead) -> Result:
    """As _read; a content that is whole is kept, once its source has said that it is still what was observed."""
    try:
        with spool.copying(file.observed.size) as copy:
            with source.open_observed(file.path, file.observed) as stream:
                digests, ends = digest(copy.beside(stream))
                lacks = breaks_off(ends, digests.size, copy.whole(stream))
            if not lacks:
                copy.keep(digests)
            return Reading(digests, lacks)
    except SourceError as error:
        return error


def read(stream: BinaryIO) -> Reading:
    """What a content is, and whether it is whole; the stream must be able to seek. Raises what it raises."""
    digests, ends = digest(stream)
    return Reading(digests, breaks_off(ends, digests.size, stream))


_SOURCES: dict[str, Source] = {}
"""In a reader's process: what it reads from."""


def _start(sources: Mapping[str, Source]) -> None:
    """Prepare a reader's process: it leaves Ctrl-C to its parent, and ends when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _SOURCES.update(sources)


def _read_there(files: Sequence[ToRead]) -> list[Result]:
    return _read_all(_SOURCES, files)
