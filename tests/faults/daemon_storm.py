"""A daemon with three feeds, and all that may befall it while files arrive; judged by the server's own account.

The feeds go into one collection and one project, and often find equal units. Files come whole, or piece by piece.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.integration.account import problems_of
from tests.integration.conftest import until

from .hurry import KIB, LARGE, MEDIUM, PIECE
from .oracle import contents_of, details, left_over, sent_again, wrong_bytes
from .workload import DIRECTORY, NAMES, SPECS, Site, content, sha1

ROOT = Path(__file__).parents[2]
FEEDS = ("a", "b", "c")
HEAD = '[server]\nurl = "{url}"\naccess_token_file = "token"\nread_timeout = "1s"\napi = "{api}"\n'
REST = '[upload]\nchunk_size = "{chunk}KiB"\nbatch_size = {batch}\n[schedule]\nrun_every = "1s"\nrescan_every = "3s"\n'
FEED = '[[feeds]]\nname = "{name}"\ndata_collection = {collection}\nproject = {project}\npath = "share/{name}"\n'
TAIL = 'settle = "300ms"\nwait_optional = "0s"\nexclude = ["*.{never}"]\n'
READY = 20.0


class Storm:
    """One daemon, ended and started again and again; `told` is what was done, for when the test fails."""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.site, self.dice = site, dice
        self.told: list[str] = []
        self.missing: set[str] = set()
        self.daemon: subprocess.Popen[str] | None = None
        self._batch, self._never = 50, 0
        self._writers: list[threading.Thread] = []
        self._acts: list[Callable[[], None]] = []
        site.collection = site.server.create_collection("scans", specs=SPECS)
        site.project = site.server.create_project("labelling", collection=site.collection)
        for name in FEEDS:
            (site.share / name).mkdir()
        self._put_token()
        self._configure()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """The daemon is there at the beginning, and gone at the end."""
        self.start()
        try:
            yield
        finally:
            if self.daemon is not None and self.daemon.poll() is None:
                self.daemon.send_signal(signal.SIGABRT)  # shows where it is
                self.daemon.wait()
            for writer in self._writers:
                writer.join()
            print((self.site.folder / "log").read_text()[-20000:])  # shown where a test fails

    def act(self) -> None:
        """Files arrive, and something happens."""
        if not self._acts:
            self._acts = [
                self.kill, self.kill, self.kill_soon, self.end, self.end_twice, self.freeze, self.restart_server,
                self.replace_token, self.lose, self.lose, self.change_upload, self.change_feed, self.take_feed_away,
                self.rest,
            ]  # fmt: skip
            self.dice.shuffle(self._acts)
        for _ in range(self.dice.randint(1, 3)):
            self.arrive()
        act = self._acts.pop()
        self.told.append(act.__name__)
        time.sleep(self.dice.uniform(0.0, 0.8))
        act()

    def arrive(self) -> None:
        """One more unit: whole, or written piece by piece; some are equal to one that another feed has."""
        number = len(self.site.expected) + 1
        key = f"{self.dice.choice(FEEDS)}/p{number}"
        if self.site.expected and self.dice.random() < 0.4:
            files = dict(self.dice.choice(list(self.site.expected.values())))
        else:
            size = self.dice.choice([0, 0, 0, KIB, MEDIUM, LARGE])
            files = {"image_1": content(f"image {number}", size), "label_1": content(f"label {number}")}
        self.site.expected[key] = files
        if self.dice.random() < 0.5:
            new = self.site.folder / "new"
            new.mkdir()
            for spec, data in files.items():
                (new / NAMES[spec]).write_bytes(data)
            new.rename(self.site.share / key)
            return
        slow = threading.Thread(target=self._write_slowly, args=(key, files, self.dice.uniform(0.0, 0.3)))
        slow.start()
        self._writers.append(slow)

    def start(self) -> None:
        """Start the daemon."""
        command = [sys.executable, "-m", "tests.faults.child", "--config", self.site.config, "run"]
        with (self.site.folder / "log").open("a") as log:
            self.daemon = subprocess.Popen(command, cwd=ROOT, stderr=log, text=True)

    def ready(self) -> subprocess.Popen[str]:
        """The daemon, once it hears signals and commands."""
        daemon = self.daemon
        assert daemon is not None
        deadline = time.monotonic() + READY
        while self.site.run("reload").exit_code == 1:
            assert daemon.poll() is None, f"it ended with {daemon.returncode}: {self.told}"
            assert time.monotonic() < deadline, f"it does not answer: {self.told}"
            time.sleep(0.05)
        return daemon

    def kill(self) -> None:
        """The machine loses power."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()
        self.check()
        self.start()

    def kill_soon(self) -> None:
        """It does so again while the daemon starts."""
        self.kill()
        time.sleep(self.dice.uniform(0.2, 1.2))
        self.kill()

    def end(self) -> None:
        """Somebody stops the service."""
        daemon = self.ready()
        daemon.terminate()
        assert daemon.wait(READY) == 0, self.told
        self.check()
        self.start()

    def end_twice(self) -> None:
        """Somebody in a hurry does."""
        daemon = self.ready()
        daemon.terminate()
        time.sleep(self.dice.uniform(0.0, 0.05))
        daemon.terminate()
        assert daemon.wait(READY) in (0, 128 + signal.SIGTERM, -signal.SIGTERM), self.told
        self.check()
        self.start()

    def freeze(self) -> None:
        """The machine is suspended, or so busy that nothing goes on."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGSTOP)
        self.arrive()
        time.sleep(self.dice.uniform(0.5, 2.0))
        self.daemon.send_signal(signal.SIGCONT)

    def restart_server(self) -> None:
        """The server is away for a moment."""
        self.site.server.restart()

    def replace_token(self) -> None:
        """The server has another token from now on, of which the daemon learns a little later."""
        server = self.site.server
        server.options = replace(server.options, token=f"syn_token_{self.dice.randrange(1 << 60)}")
        server.restart()
        time.sleep(self.dice.uniform(0.0, 0.5))
        self._put_token()

    def lose(self) -> None:
        """An answer is lost, or a request fails."""
        way = self.site.way
        route = self.dice.choice([way.register, way.register, way.tasks, way.confirm, "PUT *"])
        kind, options = self.dice.choice(
            [("hang", {"processed": True}), ("hang", {}), ("drop_after", {}), ("drop_before", {}), ("status", {})]
        )
        self.site.server.fault(route, kind, **options, times=self.dice.randint(1, 2))
        self.told.append(f"{route} {kind} {options}")

    def change_upload(self) -> None:
        """Every feed begins anew."""
        self.ready()
        self._batch += 1
        self._configure()
        self.site.run("reload")

    def change_feed(self) -> None:
        """One feed begins anew."""
        daemon = self.ready()
        self._never += 1
        self._configure()
        daemon.send_signal(signal.SIGHUP)

    def take_feed_away(self) -> None:
        """A feed leaves the config in the midst of its work, and comes back, once at once and once later."""
        daemon = self.ready()
        self.missing = {self.dice.choice(FEEDS)}
        self._configure()
        daemon.send_signal(signal.SIGHUP)
        if self.dice.random() < 0.5:
            time.sleep(self.dice.uniform(0.0, 0.5))
            self.missing = set()
            self._configure()
            daemon.send_signal(signal.SIGHUP)

    def rest(self) -> None:
        """A feed rests for a while."""
        self.ready()
        if not self.missing:
            name = self.dice.choice(FEEDS)
            self.site.run("pause", name)
            self.arrive()
            time.sleep(self.dice.uniform(0.0, 1.0))
            self.site.run("resume", name)

    def check(self) -> None:
        """What the daemon left is no broken ledger."""
        if self.site.ledger.exists():
            assert problems_of(self.site.ledger) == [], self.told
        assert "Traceback" not in (log := (self.site.folder / "log").read_text()), log

    def come_to_rest(self) -> None:
        """All goes well from now on, until there is nothing left to do."""
        for writer in self._writers:
            writer.join()
        self.site.server.clear_faults()
        self.missing = set()
        self._configure()
        daemon = self.ready()
        self.site.run("reload")
        self.site.run("resume")
        self.site.run("retry", "--all")
        self.site.run("trigger")
        until(lambda: not self.outstanding(), f"all is done: {self.told}")
        daemon.terminate()
        assert daemon.wait(READY) == 0, self.told
        self.check()

    def outstanding(self) -> dict[str, str]:
        """Units on which work is left."""
        query = "SELECT f.name || '/' || u.key, u.state FROM units AS u JOIN feeds AS f ON f.id = u.feed"
        states = dict(self.site.rows(query))
        found = {key: states.get(key, "unknown") for key in self.site.expected}
        return {key: state for key, state in found.items() if state not in ("registered", "duplicate")}

    def judge(self) -> None:
        """Raises AssertionError with all that is wrong."""
        events = self.site.server.events()
        contents = contents_of(events)
        made = Counter(
            frozenset((spec, contents[file["checksum"]]) for spec, file in unit["files"].items())
            for unit in details(events, "unit")
        )
        wanted = Counter(
            {frozenset((spec, sha1(data)) for spec, data in files.items()): 1 for files in self.site.expected.values()}
        )
        whole = {sha1(data) for files in self.site.expected.values() for data in files.values()}
        tasks = Counter(task["unit"] for task in details(events, "task"))
        units = [unit["unit"] for unit in details(events, "unit")]
        wrong = [
            *(f"missing: {sorted(unit)}" for unit in wanted - made),
            *(f"too many: {sorted(unit)}" for unit in made - wanted),
            *(f"half a file was sent: {content}" for content in set(contents.values()) - whole),
            *(f"unit {unit} has {tasks[unit]} tasks" for unit in {*units, *tasks} if tasks[unit] != 1),
            *wrong_bytes(events, self.site.server),
            *sent_again(events, self.site),
            *left_over(self.site),
        ]
        assert not wrong, "\n".join([*wrong, str(self.told)])

    def _write_slowly(self, key: str, files: dict[str, bytes], pause: float) -> None:
        folder = self.site.share / key
        folder.mkdir()
        for spec, data in files.items():
            with (folder / NAMES[spec]).open("wb", buffering=0) as file:
                half = len(data) // 2
                file.write(data[:half])
                time.sleep(pause)
                file.write(data[half:])

    def _configure(self) -> None:
        """Write the config; whoever reads it meanwhile reads all of the old one or of the new one."""
        site = self.site
        feed = {"collection": site.collection, "project": site.project}
        rest = REST.format(chunk=PIECE // KIB, batch=self._batch)
        text = HEAD.format(url=site.server.url, api=site.way.api) + rest + '[ledger]\npath = "ledger.db"\n'
        for name in FEEDS:
            if name not in self.missing:
                text += FEED.format(name=name, **feed) + TAIL.format(never=f"never{self._never}") + DIRECTORY
        new = site.folder / "config.new"
        new.write_text(text)
        os.replace(new, site.config)

    def _put_token(self) -> None:
        new = self.site.folder / "token.new"
        new.write_text(self.site.server.options.token)
        new.chmod(0o600)
        os.replace(new, self.site.folder / "token")
