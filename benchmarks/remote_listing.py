"""Listing a remote place into the ledger, and listing it again when nothing has changed: time, requests and memory.

The step `scan` runs as in `synapse-sync once`, on a real ledger, in a process of its own. A generated bucket is made up
while it is listed (generated_bucket.py), so that a million objects are as easily had as a thousand; the others are real
servers that the tests use as well (`pip install -r requirements-test.lock`), on this machine.

    python benchmarks/remote_listing.py [--on generated|seaweedfs|sftp] [--objects 1000000]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from getpass import getuser
from multiprocessing import Process
from pathlib import Path
from typing import Any, NamedTuple

from measure import scratch_folder, verdict
from processes import Failed, print_conditions, run
from scan import measured, tell

sys.path.append(str(Path(__file__).parents[1]))  # the servers of the tests

MEMORY = 250  # MB
PAGE = 1000  # keys a request: the most that there are
FOLDER = 1000  # files in each folder


class Place(NamedTuple):
    """What is listed: its URL, what [feeds.remote] says of it, its name for rclone, and the requests it should take."""

    url: str
    access: dict[str, object]
    theirs: list[str]
    requests: int


def main() -> None:
    """One first listing and an unchanged one; exits 1 where a target is missed or an object is."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--on", choices=PLACES, default="generated")
    options.add_argument("--objects", type=int, default=1_000_000)
    given = options.parse_args()
    objects = given.objects
    print_conditions()
    reached = True
    try:
        with scratch_folder() as folder, PLACES[given.on](objects) as place:
            access = "".join(f"{name} = {json.dumps(value)}\n" for name, value in place.access.items())
            (folder / "config.toml").write_text(
                '[server]\nurl = "http://127.0.0.1:9"\n[ledger]\npath = "ledger.db"\n'
                f'[[feeds]]\nname = "scans"\ndata_collection = 1\npath = "{place.url}"\n[feeds.remote]\n{access}'
            )
            if rclone := shutil.which("rclone"):
                command = [rclone, "--config", "/dev/null", "lsf", "-R", "--files-only", *place.theirs]
                tell("rclone lsf", run(command), objects)
            for name, new in (("first listing", objects), ("unchanged listing", 0)):
                listed = measured(folder, objects, new=new)
                tell(name, listed, objects)
                requests = json.loads(listed.output)["list_requests"]
                reached &= verdict(f"{name}: requests", requests, place.requests, at_least=False)
                reached &= verdict(f"{name}: peak memory in MB", listed.peak_mb, MEMORY, at_least=False)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    print_conditions()
    sys.exit(0 if reached else 1)


@contextmanager
def generated(objects: int) -> Iterator[Place]:
    """A service that makes up a bucket of so many objects."""
    command = [sys.executable, str(Path(__file__).with_name("generated_bucket.py")), str(objects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        theirs = ["--fast-list", f":s3,provider=Other,list_version=2,endpoint='{url}':scans"]
        yield Place("s3://scans", {"endpoint_url": url, "anonymous": True}, theirs, -(-objects // PAGE))
        process.stdin.close()


@contextmanager
def seaweedfs(objects: int) -> Iterator[Place]:
    """A bucket of SeaweedFS."""
    from tests.integration.remote.places import KEY, SECRET, Bucket, SeaweedFS

    os.environ.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    with scratch_folder() as folder:
        server = SeaweedFS(folder)
        try:
            bucket = Bucket(server.port, prefix="")
            # In a process of its own: what is measured begins with the memory that this one has.
            filling = Process(target=fill, args=(bucket, objects))
            filling.start()
            filling.join()
            url = f"http://127.0.0.1:{server.port}"
            place = f":s3,provider=SeaweedFS,env_auth,endpoint='{url}':{bucket.name}"
            yield Place(bucket.url, {"endpoint_url": url}, ["--fast-list", place], -(-objects // PAGE))
        finally:
            server.stop()


def fill(bucket: Any, objects: int) -> None:
    """Put so many objects into a bucket."""
    with ThreadPoolExecutor(16) as threads:
        for _ in threads.map(lambda name: bucket.put(name, b"1"), names(objects)):
            pass


@contextmanager
def sftp(objects: int) -> Iterator[Place]:
    """A folder of an OpenSSH server, which gives 100 names for each request."""
    from tests.integration.remote.sshd import Sshd

    with scratch_folder() as folder:
        for name in names(objects):
            path = folder / "scans" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        server = Sshd(folder)
        try:
            known = f"key_file={server.key},known_hosts_file={server.known_hosts}"
            place = f":sftp,host=127.0.0.1,port={server.port},user={getuser()},{known},shell_type=none:{folder}/scans"
            access = {"key_file": str(server.key), "known_hosts": str(server.known_hosts)}
            folders = -(-objects // FOLDER) + 1
            requests = objects // 100 + 20 * folders  # those that ask beyond a folder's end are sent with the others
            yield Place(f"sftp://127.0.0.1:{server.port}{folder}/scans", access, [place], requests)
        finally:
            server.stop()


def names(objects: int) -> Iterator[str]:
    """So many paths, FOLDER in each folder."""
    return (f"{number // FOLDER:04}/{number:07}.png" for number in range(objects))


PLACES = {"generated": generated, "seaweedfs": seaweedfs, "sftp": sftp}


if __name__ == "__main__":
    main()
