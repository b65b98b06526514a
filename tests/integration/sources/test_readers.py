"""Readers give the same results in threads and in processes, whatever happens to the processes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synapse_sync.errors import FileChanged, FileUnreadable
from synapse_sync.records import Digests, Reading
from synapse_sync.sources import readers
from synapse_sync.sources.local import LocalSource
from synapse_sync.sources.readers import Readers, ToRead

FILES = 30
IN_PROCESSES, IN_THREADS = 1, 1_000_000

CHILD = """
import sys, time
from synapse_sync.sources import readers
from synapse_sync.sources.local import LocalSource
if __name__ == "__main__":
    readers.MANY = 0
    source = LocalSource(sys.argv[1])
    files = [readers.ToRead("", name, seen) for name, seen in next(source.listing()).files.items()]
    ours = readers.Readers({"": source})
    list(ours.read([files]))
    print(*ours._processes._processes, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def source(tmp_path: Path) -> LocalSource:
    """A folder of small files."""
    for number in range(FILES):
        (tmp_path / f"{number}.bin").write_bytes(b"content %d" % number)
    return LocalSource(str(tmp_path))


def chunks(source: LocalSource) -> list[list[ToRead]]:
    """All files, ten to a chunk, in order of their names."""
    files = sorted(next(source.listing()).files.items())
    tasks = [ToRead("", name, seen) for name, seen in files]
    return [tasks[start : start + 10] for start in range(0, FILES, 10)]


def read(source: LocalSource, monkeypatch: pytest.MonkeyPatch, many: int) -> list[object]:
    """Every file's result, in order."""
    monkeypatch.setattr(readers, "MANY", many)
    ours = Readers({"": source})
    try:
        found = dict(ours.read(chunks(source)))
    finally:
        ours.stop()
    return [result for number in sorted(found) for result in found[number]]


@pytest.mark.parametrize("many", [IN_THREADS, IN_PROCESSES], ids=["threads", "processes"])
def test_each_file_gets_its_own_checksums(source: LocalSource, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    expected = []
    for chunk in chunks(source):
        for task in chunk:
            content = Path(source.root, os.fsdecode(task.path)).read_bytes()
            md5, sha1 = hashlib.md5(content).hexdigest(), hashlib.sha1(content).hexdigest()
            expected.append(Reading(Digests(md5, sha1, len(content))))

    assert read(source, monkeypatch, many) == expected


@pytest.mark.parametrize("many", [IN_THREADS, IN_PROCESSES], ids=["threads", "processes"])
def test_what_went_wrong_with_a_file_is_its_result_with_words_and_hint(
    source: LocalSource, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    tasks = chunks(source)
    Path(source.root, os.fsdecode(tasks[0][0].path)).unlink()
    Path(source.root, os.fsdecode(tasks[0][1].path)).write_bytes(b"other content")
    monkeypatch.setattr(sys.modules[__name__], "chunks", lambda _source: tasks)

    gone, changed, *others = read(source, monkeypatch, many)

    assert isinstance(gone, FileUnreadable)
    assert "0.bin can't be read" in str(gone)
    assert isinstance(changed, FileChanged)
    assert changed.hint
    assert all(isinstance(result, Reading) for result in others)


def test_threads_take_over_when_a_reader_is_killed(source: LocalSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MANY", IN_PROCESSES)
    ours = Readers({"": source})
    assert len(dict(ours.read(chunks(source)))) == 3
    assert ours._processes is not None
    for process in list(ours._processes._processes):
        os.kill(process, signal.SIGKILL)

    assert len(dict(ours.read(chunks(source)))) == 3
    ours.stop()


def test_readers_die_with_a_process_that_is_killed(source: LocalSource, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    parent = subprocess.Popen([sys.executable, str(script), source.root], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(number) for number in parent.stdout.readline().split()]
    assert len(children) >= 1

    parent.kill()
    parent.communicate()

    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}/stat").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(child) for child in children)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
