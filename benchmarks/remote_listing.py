"""Listing a bucket into the ledger, and listing it again when nothing has changed: time, requests and memory.

The step `scan` runs as in `synapse-sync once`, on a real ledger, in a process of its own. The bucket is made up while
it is listed (generated_bucket.py), so that a million objects are as easily had as a thousand.

    python benchmarks/remote_listing.py [--objects 1000000]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import scratch_folder, verdict
from processes import Failed, print_conditions, run
from scan import measured, tell

MEMORY = 250  # MB
PAGE = 1000  # keys a request: the most that there are


def main() -> None:
    """One first listing and an unchanged one; exits 1 where a target is missed or an object is."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--objects", type=int, default=1_000_000)
    objects = options.parse_args().objects
    print_conditions()
    reached = True
    try:
        with scratch_folder() as folder, generated_bucket(objects) as url:
            (folder / "config.toml").write_text(
                '[server]\nurl = "http://127.0.0.1:9"\n[ledger]\npath = "ledger.db"\n'
                '[[feeds]]\nname = "scans"\ndata_collection = 1\npath = "s3://scans"\n'
                f'[feeds.remote]\nendpoint_url = "{url}"\nanonymous = true\n'
            )
            if rclone := shutil.which("rclone"):
                place = f":s3,provider=Other,list_version=2,endpoint='{url}':scans"
                theirs = run([rclone, "--config", "/dev/null", "lsf", "-R", "--fast-list", "--files-only", place])
                tell("rclone lsf", theirs, objects)
            for name, new in (("first listing", objects), ("unchanged listing", 0)):
                listed = measured(folder, objects, new=new)
                tell(name, listed, objects)
                requests = json.loads(listed.output)["list_requests"]
                reached &= verdict(f"{name}: requests", requests, -(-objects // PAGE), at_least=False)
                reached &= verdict(f"{name}: peak memory in MB", listed.peak_mb, MEMORY, at_least=False)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    print_conditions()
    sys.exit(0 if reached else 1)


@contextmanager
def generated_bucket(objects: int) -> Iterator[str]:
    """The URL of a service with a bucket of so many objects."""
    command = [sys.executable, str(Path(__file__).with_name("generated_bucket.py")), str(objects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    main()
