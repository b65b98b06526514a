"""`run` while nothing happens, on 100,000 files in 5,000 folders, beside Syncthing on the same tree.

    python benchmarks/idle.py [--minutes 5] [--run-every 1m] [--files 100000] [--folders 5000]
    apt-get install --no-install-recommends syncthing strace        without Syncthing ours is measured alone

Exits 1 where anything was written to the ledger or the watched folder, or a target was missed: under 0.5 % of one core
and 90 MB. Everything is sent first; then ours is started anew, as after a boot, and both are measured at once; strace
looks at ours afterwards, with a look at every folder in between.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from installation import TOKEN, counts, free_port, lean_server
from measure import scratch_folder, verdict
from processes import Failed, print_conditions
from usage import Share, files_written, over, usage

CPU, MEMORY = 0.5, 90.0  # percent of one core, MB
QUIET = 100.0  # seconds after the work that are left out: the first backup and audit come a minute after a start
TRACED = 120.0  # seconds under strace
LONGEST = 1800.0  # seconds that either may take until it is idle


def main() -> None:
    """Both at once, then ours alone under strace."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--minutes", type=float, default=5.0)
    options.add_argument("--run-every", default="1m")
    options.add_argument("--files", type=int, default=100_000)
    options.add_argument("--folders", type=int, default=5_000)
    chosen = options.parse_args()
    print_conditions()
    with scratch_folder() as folder, lean_server() as url:
        share = folder / "share"
        write_tree(share, chosen.files, chosen.folders)
        before = state_of(share)
        reached = True
        with syncthing(folder / "syncthing", share) as theirs:
            with daemon(folder, url, chosen.run_every) as ours:
                wait(lambda: counts(url)["units"] >= chosen.files, "all units are registered")
                time.sleep(20.0)
                print(f"memory after {chosen.files:,} files were sent: {usage(ours.pid).rss:.1f} MB")
            if theirs is not None:
                theirs.wait(chosen.files)
            with daemon(folder, url, chosen.run_every) as ours:
                time.sleep(QUIET)
                shares = over(chosen.minutes * 60, [ours.pid, *([theirs.pid] if theirs is not None else [])])
            for name, used in zip(("synapse-sync run", "syncthing"), shares, strict=False):
                tell(name, used)
            reached &= verdict("CPU, percent of one core", shares[0].cores, CPU, at_least=False)
            reached &= verdict("memory, MB", shares[0].rss, MEMORY, at_least=False)
            reached &= nothing("bytes handed to the disk", int(shares[0].written * chosen.minutes * 60))
        with daemon(folder, url, "5s", "20s") as ours:
            time.sleep(QUIET)
            ledger = state_of_ledger(folder)
            wrote = files_written(ours.pid, TRACED, folder / "strace")
            for call, times in wrote.most_common(10):
                print(f"    {times:6,} × {call}")
            what = f"writes to any file in {TRACED:.0f} s with a run every 5 s and a full listing every 20 s"
            reached &= nothing(what, sum(wrote.values()))
            reached &= nothing("changes of the ledger's files", state_of_ledger(folder) != ledger)
        reached &= nothing("changes in the watched folder", state_of(share) != before)
        if counts(url)["units"] != chosen.files:
            raise Failed(f"{chosen.files} units were to be made, the server has {counts(url)['units']}")
    sys.exit(0 if reached else 1)


def write_tree(share: Path, files: int, folders: int) -> None:
    """Small files, as many in each folder, each with a content of its own; and the marker that Syncthing wants."""
    (share / ".stfolder").mkdir(parents=True)
    for folder in range(folders):
        path = share / f"{folder // 100:02}" / f"{folder:05}"
        path.mkdir(parents=True)
        for file in range(folder, files, folders):
            (path / f"scan_{file:06}.png").write_bytes(b"\x89PNG" + file.to_bytes(4, "big"))


def state_of(root: Path) -> tuple[int, int]:
    """How many entries there are, and when any of them was last changed in any way (ns)."""
    times = [
        os.lstat(path).st_ctime_ns for top, _, files in os.walk(root) for path in (top, *(f"{top}/{f}" for f in files))
    ]
    return len(times), max(times)


def state_of_ledger(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the last write of each of its files; reading alone moves the shared memory's pages."""
    return {
        path.name: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.glob("ledger.db*")
        if not path.name.endswith("-shm")
    }


@contextmanager
def daemon(folder: Path, url: str, run_every: str, rescan_every: str = "1h") -> Iterator[subprocess.Popen[bytes]]:
    """`run` on folder/share until the block ends."""
    config = folder / "config.toml"
    config.write_text(
        f'[server]\nurl = "{url}"\n[ledger]\npath = "ledger.db"\n[schedule]\nrun_every = "{run_every}"\n'
        f'rescan_every = "{rescan_every}"\n[log]\nlevel = "warning"\n'
        '[[feeds]]\nname = "scans"\ndata_collection = 1\npath = "share"\nsettle = "1s"\n'
    )
    command = [sys.executable, "-m", "synapse_sync", "--config", str(config), "run"]
    environment = {**os.environ, **TOKEN, "XDG_RUNTIME_DIR": str(folder)}
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


class Syncthing:
    """A running one, with one folder and no other device."""

    def __init__(self, pid: int, address: str, key: str) -> None:
        self.pid = pid
        self._address, self._key = address, key

    def wait(self, files: int) -> None:
        """Until it has indexed so many files and rests."""
        wait(lambda: self._status() == ("idle", files), "Syncthing is idle")

    def _status(self) -> tuple[str, int]:
        asked = urllib.request.Request(
            f"http://{self._address}/rest/db/status?folder=share", headers={"X-API-Key": self._key}
        )
        try:
            with urllib.request.urlopen(asked) as answer:
                told = json.load(answer)
        except OSError:
            return "", 0
        return told["state"], told["localFiles"]


@contextmanager
def syncthing(home: Path, share: Path) -> Iterator[Syncthing | None]:
    """Syncthing with its default settings on the same folder, alone in the world; None where it is not installed."""
    program = shutil.which("syncthing")
    if program is None:
        print("Syncthing is not installed: ours is measured alone")
        yield None
        return
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [program, "generate", f"--home={home}", "--no-default-folder", "--skip-port-probing"], check=True, **quiet
    )
    address, key = f"127.0.0.1:{free_port()}", "benchmark"
    config = home / "config.xml"
    text = config.read_text()
    device = re.search(r'<device id="([A-Z0-9-]+)"', text)
    assert device is not None
    for option in (
        "globalAnnounceEnabled",
        "localAnnounceEnabled",
        "relaysEnabled",
        "natEnabled",
        "crashReportingEnabled",
    ):
        text = re.sub(f"<{option}>true", f"<{option}>false", text)
    text = text.replace("<urAccepted>0", "<urAccepted>-1").replace(
        "<listenAddress>default", "<listenAddress>tcp://127.0.0.1:0"
    )
    shared = f'<folder id="share" path="{share}" type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true" \
fsWatcherDelayS="10"><device id="{device[1]}"/></folder>'
    config.write_text(text.replace("</configuration>", shared + "</configuration>"))
    command = [program, "serve", f"--home={home}", "--no-browser", "--no-restart", "--no-upgrade",
               f"--gui-address={address}", f"--gui-apikey={key}"]  # fmt: skip
    with subprocess.Popen(command, **quiet) as process:
        try:
            yield Syncthing(process.pid, address, key)
        finally:
            process.send_signal(signal.SIGTERM)


def wait(true: Callable[[], bool], what: str) -> None:
    """Raises Failed where it does not come true."""
    deadline = time.monotonic() + LONGEST
    while not true():
        if time.monotonic() > deadline:
            raise Failed(f"never happened: {what}")
        time.sleep(1.0)


def tell(name: str, used: Share) -> None:
    """One line."""
    print(
        f"  {name:18}{used.cores:7.3f} % of one core {used.rss:6.1f} MB {used.descriptors:5} descriptors "
        f"{used.written:9,.0f} B/s to the disk"
    )


def nothing(what: str, count: int) -> bool:
    """Print one line; says whether it is 0."""
    print(f"{what}: {int(count):,} (target 0) {'MISSED' if count else 'reached'}")
    return not count


if __name__ == "__main__":
    main()
