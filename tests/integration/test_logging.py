"""A process that logs: JSON lines where nobody watches, text on a terminal; both without secrets."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

SCRIPT = """
import logging, warnings
from synapse_sync.config import Log
from synapse_sync.logs import configure, hide
configure(Log(level="info"))
hide("a-secret-word")
log = logging.getLogger("synapse_sync.steps.upload")
for _ in range(50):
    log.warning("sending %s failed: a-secret-word", "p1\\n2026 all well", extra={"feed": "scans", "path": b"p1/\\xff"})
log.debug("a detail")
logging.getLogger("urllib3.connectionpool").info("chatter")
warnings.warn("a library's warning")
"""


def run(stderr: int) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=stderr, check=True, timeout=30)


def test_json_lines_in_a_pipe() -> None:
    reader, writer = os.pipe()
    run(writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        lines = [json.loads(line) for line in pipe]
    first, warned, counted = lines
    assert {**first, "at": ""} == {
        "at": "",
        "level": "warning",
        "message": "sending p1\\n2026 all well failed: …",
        "logger": "synapse_sync.steps.upload",
        "feed": "scans",
        "path": "p1/%FF",
    }
    assert "a library's warning" in warned["message"]
    assert counted["message"].endswith("(49 more of the same in 1 min)")


def test_text_on_a_terminal() -> None:
    master, slave = pty.openpty()
    run(slave)
    os.close(slave)
    text = os.read(master, 65536).decode()
    os.close(master)
    assert "warning sending p1\\n2026 all well failed: …  [feed=scans, path=p1/%FF]" in text
    assert text.count("sending") == 2


@pytest.mark.parametrize("broken", ["full", "gone"])
def test_what_can_not_be_written_ends_no_work(broken: str) -> None:
    """The disk that the log goes to is full, or its reader is gone; counts of repeats are due now and at the end."""
    script = SCRIPT + "import time\nfrom synapse_sync.logs import tell_repeats\n"
    script += "time.time = lambda now=time.time(): now + 3600\ntell_repeats()\n"
    script += "log.warning('again')\nlog.warning('again')\nprint('goes on', flush=True)\n"
    if broken == "full":
        stderr = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, stderr = os.pipe()
        os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=stderr, check=False, timeout=30
    )
    os.close(stderr)
    assert (done.returncode, done.stdout) == (0, b"goes on\n")
