"""A real systemd as PID 1, with this machine's own files under a layer in memory: boots in about half a second.

Namespaces, an overlay and a cgroup of its own; no image, no D-Bus. The network is this machine's, so that a test's
embedded backend can be reached. Whatever happens to the test, the kernel ends all of it with its PID 1.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PYTHON = "/opt/synapse-sync/bin/python"
LONGEST = 60.0  # seconds that a test waits for something before it says that it never happened
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def cannot() -> str:
    """Why no machine can be booted here; "" where it can."""
    if os.geteuid() != 0:
        return "this is not root"
    if not os.path.exists("/lib/systemd/systemd"):
        return "systemd is not installed"
    missing = [
        tool for tool in ("unshare", "nsenter", "setpriv", "pivot_root") if shutil.which(tool, path=PATH) is None
    ]
    if missing:
        return f"{', '.join(missing)} is not installed"
    known = Path("/proc/filesystems").read_text(encoding="ascii").split()
    lacking = [name for name in ("overlay", "cgroup2", "tmpfs") if name not in known]
    return f"the kernel has no {', '.join(lacking)}" if lacking else ""


class Machine:
    """A machine that runs from its creation until close(). `root` is its / as this process sees it."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "pid1.log"
        self._cgroup = _cgroup(folder)
        (folder / "machine").mkdir()
        venv = install_package(folder / "venv")
        libraries = sysconfig.get_path("purelib")
        script = [str(HERE / "init.sh"), str(folder / "machine"), str(venv), sys.base_prefix, libraries]
        apart = ["unshare", "--fork", "--kill-child=KILL", "--pid", "--mount", "--uts", "--ipc", "--cgroup"]
        join = 'echo $$ >"$0/cgroup.procs" && exec setpriv --pdeathsig KILL "$@"'
        command = ["bash", "-c", join, str(self._cgroup), *apart, "bash", *script]
        with self._log.open("wb") as log:
            self._outside = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self._pid = self._booted()
        self.root = Path(f"/proc/{self._pid}/root")
        self.run("systemctl", "is-system-running", "--wait", check=False)
        self.run("systemctl", "log-target", "journal")

    def run(self, *command: str, check: bool = True, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it as root; its output is text. `text` is its standard input."""
        enter = ["nsenter", "-t", str(self._pid), "-m", "-u", "-i", "-p", "-C", "--", "env", "-i", f"PATH={PATH}"]
        result = subprocess.run(
            [*enter, "LC_ALL=C.UTF-8", f"HOME={pwd.getpwnam('root').pw_dir}", *command],
            input=text, capture_output=True, text=True, timeout=LONGEST, check=False,
        )  # fmt: skip
        assert not check or result.returncode == 0, f"{command}: {result.stdout}{result.stderr}\n{self.journal()}"
        return result

    def sync(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`synapse-sync ARGUMENTS`, as root."""
        return self.run(PYTHON, "-m", "synapse_sync", *arguments, check=check)

    def show(self, name: str, unit: str = "synapse-sync.service") -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def journal(self, *options: str) -> str:
        """The journal's messages, all of them on the disk."""
        enter = ["nsenter", "-t", str(self._pid), "-m", "-p", "--", "journalctl", "--no-pager"]
        subprocess.run([*enter, "--sync"], capture_output=True, check=False, timeout=LONGEST)
        options = options or ("-o", "short", "-n", "80")
        return subprocess.run([*enter, *options], capture_output=True, text=True, check=False, timeout=LONGEST).stdout

    def close(self) -> None:
        """End it, with every process in it."""
        self._outside.kill()
        self._outside.wait()
        for _ in range(100):
            try:
                for folder in sorted(self._cgroup.rglob("*/"), reverse=True):
                    folder.rmdir()
                self._cgroup.rmdir()
            except OSError:
                time.sleep(0.02)  # the kernel is still at it
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _booted(self) -> int:
        """Wait for systemd; its process number here."""
        children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children")
        deadline = time.monotonic() + LONGEST
        while self._outside.poll() is None and time.monotonic() < deadline:
            for child in children.read_text(encoding="ascii").split():
                if Path("/proc", str(child), "root", "run/systemd/private").is_socket():
                    return int(child)
            time.sleep(0.02)
        self.close()
        raise AssertionError(f"systemd did not come up:\n{self._log.read_text(encoding='utf-8', errors='replace')}")


def install_package(venv: Path) -> Path:
    """The package of this checkout in a venv that will stand in /opt/synapse-sync, laid out as its wheel is."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = venv / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(f"/opt/python/bin/{version}")
    (venv / "pyvenv.cfg").write_text(f"home = /opt/python/bin\nversion = {sys.version.split()[0]}\n")
    shutil.copytree(PROJECT / "synapse_sync", site / "synapse_sync", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "systemd", site / "synapse_sync/installation/systemd")
    (site / "libraries.pth").write_text("/opt/libraries\n")
    for path in (venv, *venv.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return venv


def _cgroup(folder: Path) -> Path:
    """A cgroup for the machine, in whatever place this machine has cgroup2."""
    found = subprocess.run(
        ["findmnt", "-t", "cgroup2", "-no", "TARGET"], capture_output=True, text=True, check=False
    ).stdout.split()  # fmt: skip
    assert found, "no cgroup2 is mounted"
    cgroup = Path(found[0]) / f"synapse-sync-test-{os.getpid()}-{folder.name}"
    cgroup.mkdir()
    return cgroup
