"""A ledger after three years with 1,000,000 units: its size, what retention makes of it, how long everything takes.

    python benchmarks/years.py [--units 1000000] [--analyze]        exits 1 where the ledger is not what it was before

Every query of an idle run is timed by itself, in a run of the real steps against an embedded backend; commands run in
processes of their own. --analyze: times them again after PRAGMA optimize.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from measure import scratch_folder
from processes import Failed, print_conditions, run
from years_ledger import DAY, Past, three_years_ago

from synapse_sync.assembly import next_run, open_destination, put_to_work
from synapse_sync.config import load, resolve
from synapse_sync.devserver import DevServer, Options
from synapse_sync.ledger import Ledger, integrity_problems, open_for_writing
from synapse_sync.ledger.backups import back_up
from synapse_sync.runner import tend
from synapse_sync.steps import Work
from synapse_sync.steps.retention import sum_up

KEEP = 180 * DAY
KEY, PATH = "scan_00010000", "000010/scan_00010000.png"
COMMANDS = (
    ["status", "--json"], ["units", "--limit", "100", "--json"], ["files", "--limit", "100", "--json"],
    ["units", "--state", "held", "--json"], ["units", "show", KEY, "--json"],
    ["files", "show", PATH, "--json"], ["runs", "--json"], ["ledger", "check"],
)  # fmt: skip


def main() -> None:
    """Make it, keep it, time it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--units", type=int, default=1_000_000)
    options.add_argument("--analyze", action="store_true")
    options.add_argument("--folder", type=Path, help="it is made here and stays for another run; some GB")
    chosen = options.parse_args()
    print_conditions()
    kept = nullcontext(chosen.folder) if chosen.folder else scratch_folder()
    with kept as folder, DevServer(Options(data=folder / "backend", port=port_of(folder))) as server:
        config, ledger = folder / "config.toml", folder / "ledger.db"
        if not ledger.exists():
            write_config(config, server)
            make(config, chosen.units)
        os.environ["SYNAPSE_ACCESS_TOKEN"] = server.options.token
        size("three years old, nothing summed up", ledger)
        idle_run(config, "an idle run")
        retain(ledger)
        size("after retention (free pages are used again)", ledger)
        idle_run(config, "an idle run after retention")
        commands(config)
        open_and_copy(ledger)
        if chosen.analyze:
            analyze(ledger)
            idle_run(config, "an idle run after PRAGMA optimize")
        if problems := integrity_problems(ledger):
            sys.exit(f"the ledger is damaged: {problems}")


def port_of(folder: Path) -> int:
    """The backend's, as it was when the ledger was made; 0 where there is none yet."""
    config = folder / "config.toml"
    found = re.search(r"http://127.0.0.1:(\d+)", config.read_text()) if config.exists() else None
    return int(found[1]) if found else 0


def write_config(config: Path, server: DevServer) -> None:
    """One feed; its token comes from the environment."""
    specs = [{"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True}]
    collection = server.create_collection("scans", specs=specs)
    (config.parent / "share").mkdir()
    config.write_text(
        f'[server]\nurl = "{server.url}"\napi = "v2"\n[ledger]\npath = "ledger.db"\n[[feeds]]\nname = "scans"\n'
        f'data_collection = {collection}\npath = "share"\n[feeds.grouping]\nby = "stem"\n'
    )
    os.environ["SYNAPSE_ACCESS_TOKEN"] = server.options.token


@contextmanager
def working(config_file: Path) -> Iterator[Work]:
    """The feed of the config, at work."""
    config = load(config_file)
    with (
        open_destination(config, resolve(config)) as destination,
        open_for_writing(config_file.parent / "ledger.db", create=True) as ledger,
    ):
        yield put_to_work(config, config.feeds[0], ledger, destination, patient=True, clock=time.time)


def make(config: Path, units: int) -> None:
    """Three years, in some minutes."""
    began = time.perf_counter()
    with working(config) as work:
        tend(work, {}, offline=None, known=())
        Past(work.ledger, work.id, dict(work.place), three_years_ago()).lives(units, 3 * 365)
    print(f"made {units:,} units in {time.perf_counter() - began:.0f} s")


def size(what: str, ledger: Path) -> None:
    """The file, and how much of it is in use."""
    with Ledger(ledger, writable=False) as opened:
        pages, free, page = (opened._reader().execute(f"PRAGMA {name}").fetchone()[0] for name in (
            "page_count", "freelist_count", "page_size"))  # fmt: skip
        rows = {table: opened._reader().execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("units", "files", "history", "runs")}  # fmt: skip
    told = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    print(f"{what}: {pages * page / 1e6:,.0f} MB, {(pages - free) * page / 1e6:,.0f} MB in use; {told}")


def idle_run(config: Path, what: str) -> None:
    """A run in which nothing is to be done: each query by itself."""
    taken: dict[str, list[float]] = defaultdict(list)
    query = Ledger.query

    def timed(self: Ledger, name: str, /, **parameters: Any) -> Any:
        began = time.perf_counter()
        try:
            return query(self, name, **parameters)
        finally:
            taken[name].append(time.perf_counter() - began)

    runs = []
    with working(config) as work:
        tend(work, {}, offline=None, known=())
        with patch.object(Ledger, "query", timed):
            for _ in range(5):
                work = next_run(work)
                began = time.perf_counter()
                tend(work, {}, offline=None, known=())
                runs.append(time.perf_counter() - began)
            vitals = {"units_before": 0.0, "files_before": 0.0}
            work.ledger.query("vital_counts", name="scans", **vitals)
            work.ledger.query("last_registration")
    print(f"{what}: {statistics.median(runs) * 1e3:.1f} ms; its slowest queries, ms:")
    slowest = sorted(((statistics.median(times), len(times) // 5, name) for name, times in taken.items()), reverse=True)
    for seconds, _, name in slowest[:8]:
        print(f"    {seconds * 1e3:8.2f}  {name}")


def retain(ledger: Path) -> None:
    """All that is older than `keep_history`, and how long each transaction holds up others."""
    batches: list[float] = []
    write = Ledger.write

    @contextmanager
    def timed(self: Ledger, **options: Any) -> Iterator[Any]:
        began = time.perf_counter()
        with write(self, **options) as transaction:
            yield transaction
        batches.append(time.perf_counter() - began)

    with open_for_writing(ledger, create=False) as opened, patch.object(Ledger, "write", timed):
        began = time.perf_counter()
        changes, runs = sum_up(opened, keep=KEEP, now=time.time(), stop=threading.Event())
        seconds = time.perf_counter() - began
        opened.fold()
        again = time.perf_counter()
        if sum_up(opened, keep=KEEP, now=time.time(), stop=threading.Event()) != (0, 0):
            raise Failed("what was summed up is summed up again")
        again = time.perf_counter() - again
    in_order = sorted(batches)
    p99 = in_order[len(in_order) * 99 // 100]
    print(
        f"retention: {changes:,} changes and {runs:,} runs went in {seconds:.0f} s; {len(batches):,} transactions of "
        f"{statistics.median(batches) * 1e3:.1f} ms (p99 {p99 * 1e3:.1f}, longest {in_order[-1] * 1e3:.1f}); "
        f"where there is nothing to do {again * 1e3:.2f} ms"
    )


def commands(config: Path) -> None:
    """What a person types, start of the process included."""
    for arguments in COMMANDS:
        done = run([sys.executable, "-m", "synapse_sync", "--config", config, *arguments], discard=True)
        print(f"    {done.seconds:8.2f} s  {done.peak_mb:5.0f} MB  {' '.join(arguments)}")


def open_and_copy(ledger: Path) -> None:
    """Opening it after an orderly end, and after a kill (which checks it in full); a backup."""
    for what in ("after an orderly end", "after a kill"):
        if what == "after a kill":
            ledger.with_name("ledger.db.lock").write_text("1")
        began = time.perf_counter()
        with open_for_writing(ledger, create=False):
            took = time.perf_counter() - began
        print(f"opened {what}: {took:.3f} s")
    began = time.perf_counter()
    copy = back_up(ledger, time.time())
    assert copy is not None
    print(f"a backup: {time.perf_counter() - began:.1f} s, {copy.stat().st_size / 1e6:,.0f} MB")


def analyze(ledger: Path) -> None:
    """What SQLite would like to know of its tables."""
    with open_for_writing(ledger, create=False) as opened:
        writer = opened._writer
        assert writer is not None
        began = time.perf_counter()
        writer.execute("PRAGMA analysis_limit = 1000")
        writer.execute("ANALYZE")
        print(f"PRAGMA optimize: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
