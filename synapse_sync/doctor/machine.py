"""The machine: the program's own parts, the number of files it may open, whether it can see who writes."""

from __future__ import annotations

import platform
import resource
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import synapse_sync
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.sources.writers import unseen

AREA = "machine"
FILES = 1024
"""Files open at once that a run with the most workers needs, and then some."""
TOLD = ("pydantic", "requests", "sqlite-utils", "watchdog")


def program(situation: Situation) -> Iterator[Finding]:
    """Versions, for whoever is asked for help; libraries that are missing."""
    named = [f"synapse-sync {synapse_sync.__version__}", f"Python {platform.python_version()}"]
    named += [f"SQLite {sqlite3.sqlite_version}", *(f"{name} {_version(name)}" for name in TOLD)]
    yield well(AREA, "versions", ", ".join(named))
    wanted = [feed.name for feed in situation.feeds() if feed.grouping.key or feed.metadata.filename]
    if find_spec("re2") is not None:
        yield well(AREA, "google-re2", "regular expressions can be used (key, filename)")
    elif wanted:
        words = f"google-re2 is missing, which key and filename of feed {', '.join(wanted)} need"
        yield problem(AREA, "google-re2", words, "pip install google-re2")
    else:
        words = "google-re2 is missing: key and filename can't be used; no feed does"
        yield warning(AREA, "google-re2", words, "pip install google-re2")


def open_files(_situation: Situation) -> Iterator[Finding]:
    """How many files this process may open; a service has its own limit (LimitNOFILE=)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    words = f"{soft:,} files may be open at once"
    if soft < FILES:
        yield warning(
            AREA, "open files", f"{words}: too few for many uploads side by side", f"ulimit -n {max(hard, FILES)}"
        )
    else:
        yield well(AREA, "open files", words)


def writers(situation: Situation) -> Iterator[Finding]:
    """Whether a file that some other program still writes to can be told from one that has only paused."""
    if not situation.feeds():
        return
    if why := unseen():
        words = f"not every program that is still writing a file can be seen: {why}"
        remedy = 'where programs pause for long while they write, give the feed a longer settle = "5m"'
        yield warning(AREA, "writers", words, remedy)
    else:
        yield well(AREA, "writers", "programs of this machine that are still writing a file can be seen")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
