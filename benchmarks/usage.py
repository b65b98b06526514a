"""What a process that is at work uses, told by the kernel: CPU, memory, descriptors, and whether it writes to files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")

WRITES = (
    "creat,write,pwrite64,writev,pwritev,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat,chmod,fchmod,fchmodat,utimensat,link,linkat,symlink,symlinkat"
)
"""What changes a file or a folder. (A file that is opened and not written to is as it was.)"""

_NO_FILE = re.compile(r"<(?:socket|pipe|anon_inode|UNIX|TCP|/dev/null|/proc/)")


class Usage(NamedTuple):
    """CPU seconds since the start, resident MB (10^6 bytes), open descriptors, bytes handed to the disk since then."""

    cpu: float
    rss: float
    descriptors: int
    written: int


def usage(pid: int) -> Usage:
    """Of a process and its children. Raises FileNotFoundError where it has ended."""
    found = [_usage(each) for each in (pid, *_children(pid))]
    return Usage(*(sum(values) for values in zip(*found, strict=True)))


def _usage(pid: int) -> Usage:
    root = Path(f"/proc/{pid}")
    fields = (root / "stat").read_text().rpartition(")")[2].split()
    memory = re.search(r"VmRSS:\s+(\d+)", (root / "status").read_text())
    written = re.search(r"^write_bytes: (\d+)", (root / "io").read_text(), re.MULTILINE)
    assert written is not None
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    resident = int(memory[1]) * 1024 / 1e6 if memory else 0.0
    return Usage(cpu, resident, len(os.listdir(root / "fd")), int(written[1]))


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in os.listdir(f"/proc/{pid}/task")
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    ]


class Share(NamedTuple):
    """What a process used: percent of one core, MB, descriptors, bytes handed to the disk a second."""

    cores: float
    rss: float
    descriptors: int
    written: float


def over(seconds: float, pids: Iterable[int]) -> list[Share]:
    """What these processes use from now on, measured at once."""
    pids = list(pids)
    began = time.monotonic()
    before = [usage(pid) for pid in pids]
    time.sleep(seconds)
    took = time.monotonic() - began
    return [
        Share((now.cpu - was.cpu) / took * 100, now.rss, now.descriptors, (now.written - was.written) / took)
        for was, now in zip(before, (usage(pid) for pid in pids), strict=True)
    ]


def files_written(pid: int, seconds: float, notes: Path) -> Counter[str]:
    """What the process does to files in these seconds, by strace: each call and how often; sockets and pipes apart."""
    command = ["strace", "-f", "-y", "-qq", "-e", f"trace={WRITES}", "-e", "signal=none", "-p", str(pid), "-o", notes]
    with subprocess.Popen([str(part) for part in command]) as tracer:
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
    found: Counter[str] = Counter()
    for line in notes.read_text(errors="replace").splitlines():
        call = line.partition(" ")[2].strip()
        if "resumed>" in call or _NO_FILE.search(call) or "= -1 " in call:
            continue
        found[call[:160]] += 1
    return found
