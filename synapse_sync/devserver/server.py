"""An embedded backend that runs in a thread of this process, or in the foreground as a program of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import uvicorn

from synapse_sync.devserver import control
from synapse_sync.devserver.app import api
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.connections import Connections
from synapse_sync.devserver.contents import Contents
from synapse_sync.devserver.datafiles import Algorithm
from synapse_sync.devserver.faults import FaultPlan
from synapse_sync.devserver.listening import http_server, listen
from synapse_sync.devserver.object_storage import object_storage
from synapse_sync.devserver.options import Options
from synapse_sync.devserver.store import Store
from synapse_sync.devserver.traffic import Traffic
from synapse_sync.errors import ServerError

_START_SECONDS = 30


class DevServer:
    """One backend over one data folder; a context manager, or `start()` and `stop()`.

    The methods may be called from any thread while it runs. The same folder may be served again after `stop()`.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._backend: Backend | None = None
        self._servers: list[uvicorn.Server] = []
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._sockets: list[socket.socket] = []
        self.url = ""
        """Where the API answers, once started: "http://127.0.0.1:PORT"."""
        self.storage_url = ""
        """Where the object storage answers, once started."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Run in a thread; returns when it answers. Raises ServerError: port taken, folder not writable."""
        self._start((self.options.port, self.options.storage_port), FaultPlan(), Traffic())

    def restart(self) -> None:
        """Stop and start again: the same ports, data, statistics and fault switches."""
        backend = self._running()
        ports = [listening.getsockname()[1] for listening in self._sockets]
        self.stop()
        self._start(ports, backend.faults, backend.traffic)

    def _start(self, ports: Sequence[int], faults: FaultPlan, traffic: Traffic) -> None:
        if self._backend is not None:
            raise ServerError(f"the embedded backend at {self.url} is already running", hint="call stop() first")
        self._backend = backend = _open(self.options, faults, traffic)
        try:
            for port in ports:
                self._sockets.append(listen(self.options.host, port))
        except ServerError:
            self.stop()
            raise
        host = self.options.host if self.options.host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
        taken = [listening.getsockname()[1] for listening in self._sockets]
        backend.storage_port = taken[1]
        self.url, self.storage_url = (f"http://[{host}]:{p}" if ":" in host else f"http://{host}:{p}" for p in taken)
        self._failure = None
        applications = [(make, Connections()) for make in (api, object_storage)]
        self._servers = [http_server(make(backend, connections), connections) for make, connections in applications]
        answering = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(answering,), name="devserver", daemon=True)
        self._thread.start()
        if not answering.wait(_START_SECONDS) or self._failure is not None:
            self.stop()
            raise ServerError(f"the embedded backend at {self.url} did not start: {self._failure or 'no answer'}")

    def stop(self) -> None:
        """End it and wait for the end; requests under way get a second. Does nothing when it is not running."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        for listening in self._sockets:
            listening.close()
        if self._backend is not None:
            self._backend.store.close()
        self._backend, self._thread, self._servers, self._sockets = None, None, [], []

    def wait(self, seconds: float | None = None) -> None:
        """Return when it has ended by itself, or after `seconds`. Raises ServerError with the reason, if any."""
        if self._thread is not None:
            self._thread.join(seconds)
        if self._failure is not None:
            raise ServerError(f"the embedded backend at {self.url} stopped: {self._failure}") from self._failure

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._thread is not None and self._thread.is_alive()

    def create_collection(
        self, name: str, specs: Sequence[Mapping[str, Any]], meta_schema: Mapping[str, Any] | None = None
    ) -> int:
        """Make a data collection; a spec has name and file_type, and may have extensions, is_required, is_primary."""
        return control.create_collection(self._running(), name, specs, meta_schema)

    def create_project(self, name: str, collection: int) -> int:
        """Make an annotation project over a collection."""
        return control.create_project(self._running(), name, collection)

    def create_storage(self, provider: str, configuration: Mapping[str, Any], name: str = "NAS") -> int:
        """Make a storage that files are read from (protocol §9 has each provider's keys); returns its id."""
        return control.create_storage(self._running(), name, provider, configuration)

    def change_storage(self, number: int, provider: str, configuration: Mapping[str, Any], name: str = "NAS") -> None:
        """Give such a storage another name, place or credentials."""
        control.change_storage(self._running(), number, name, provider, configuration)

    def units(self, collection: int) -> list[dict[str, Any]]:
        """All units of a collection, oldest first: {"id", "files": {spec: {"checksum", "path", "size"}}, "meta", …}."""
        return control.units_of(self._running(), collection)

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """All tasks of a project, oldest first: {"id", "project", "data_unit", "created"}."""
        return control.tasks_of(self._running(), project)

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """What has happened to the data, oldest first: {"id", "at", "kind", "detail"} (events.py lists the kinds)."""
        return control.events_of(self._running(), after)

    def add_foreign(self, content: bytes, algorithm: Algorithm | None = None) -> str:
        """Store a data file of the tenant that our token may not use; returns its checksum, by default a usual one."""
        return control.add_foreign(self._running(), content, algorithm)

    def rotate_token(self, new: str) -> None:
        """Take this access token from now on; the old one is refused, its owner and what is theirs stay the same."""
        self.options = replace(self.options, token=new)
        self._running().options = self.options

    def stats(self) -> dict[str, Any]:
        """{"requests": {"POST data_files/": n, …}, "bytes_received": n, "data_files": n, "units": n}."""
        return control.stats(self._running())

    def reset_stats(self) -> None:
        """Count requests and bytes from zero again."""
        self._running().traffic.reset()

    def empty(self) -> None:
        """Begin anew: no data, no events, no faults, statistics at zero; the tokens stay."""
        self._running().store.empty()
        self.clear_faults()
        self.reset_stats()

    def fault(
        self,
        route: str,
        kind: str,
        times: int | None = 1,
        after: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        **parameters: object,
    ) -> None:
        """Turn a fault switch on (faults.py lists them). Raises UsageError for an unknown kind or parameter."""
        self._running().faults.add(route, kind, times, after, probability, seed, **parameters)

    def clear_faults(self) -> None:
        """Turn all fault switches off."""
        self._running().faults.clear()

    def _running(self) -> Backend:
        if self._backend is None:
            raise ServerError("the embedded backend is not running", hint="call start() first")
        return self._backend

    def _run(self, answering: threading.Event) -> None:
        try:
            asyncio.run(self._serve(answering))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told by start() or wait()
            self._failure = error
        finally:
            answering.set()

    async def _serve(self, answering: threading.Event) -> None:
        """Serve until asked to stop; one server ending ends the other."""
        runs = [
            asyncio.create_task(server.serve(sockets=[listening]))
            for server, listening in zip(self._servers, self._sockets, strict=True)
        ]
        while not all(server.started for server in self._servers) and not any(run.done() for run in runs):
            await asyncio.sleep(0.001)
        answering.set()
        await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*runs)


def _open(options: Options, faults: FaultPlan, traffic: Traffic) -> Backend:
    folder = Path(options.data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(folder / "devserver.db")
        contents = Contents(folder)
    except (OSError, sqlite3.Error) as error:
        raise ServerError(
            f"the embedded backend can't use the folder {folder}: {error}",
            hint="choose another folder with --data, make this one writable, or stop the server that already uses it",
        ) from error
    return Backend(options, store, contents, traffic, faults)


def serve(options: Options, on_ready: Callable[[str], None] = lambda _url: None) -> None:
    """Run in the foreground until SIGINT or SIGTERM; must be called in the main thread.

    `on_ready` is called with the server's URL as soon as it answers. Raises ServerError.
    """
    asked = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with DevServer(options) as server:
            on_ready(server.url)
            while server.running and not asked.wait(0.5):
                pass
            server.wait(0)
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
