"""The product on an embedded backend: a share, a first run, files that arrive meanwhile, a run that sends nothing.

The share is read as any other; with a folder of the user's own, the collection is made to fit what lies in it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import typer

from synapse_sync.assembly import open_destination, put_to_work
from synapse_sync.cli import sample
from synapse_sync.cli.output import table
from synapse_sync.cli.progress import Progress
from synapse_sync.cli.report import tell_run
from synapse_sync.config import Config, ledger_path, load, resolve
from synapse_sync.devserver import DevServer, Options
from synapse_sync.errors import UsageError
from synapse_sync.ledger import open_for_writing
from synapse_sync.runner import Patience, sync
from synapse_sync.status.snapshot import feed_snapshot
from synapse_sync.status.words import many, size

ENVIRONMENT = {"HOME": os.devnull}
"""The demo's whole environment: a token or host that is set for the real server stays out of it."""

PAIRS = 24
LATE_PAIRS = 3
SHOWN = 12
KINDS = {  # what extensions become which spec when the folder is the user's own
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"),
    "video": (".mp4", ".mov", ".avi", ".mkv"),
    "audio": (".wav", ".mp3", ".flac", ".ogg"),
    "medical": (".dcm", ".dicom", ".nii", ".nii.gz"),
    "pcd": (".pcd", ".ply", ".bin"),
    "document": (".json", ".xml", ".txt", ".csv"),
}


def run_demo(home: Path, own_folder: Path | None) -> None:
    """Show the product at work; everything it makes is left in `home`. Raises UsageError where that is in use."""
    if home.exists() and any(home.iterdir()):
        raise UsageError(f"{home} is there already and not empty", hint="name another folder with --keep FOLDER")
    if own_folder is not None and home.is_relative_to(own_folder):
        raise UsageError(f"{home} lies inside {own_folder}, which is only read", hint="name a folder elsewhere")
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{home} can't be made: {error.strerror}", hint="name another with --keep FOLDER") from error
    share = own_folder or home / "share"
    if own_folder is None:
        sample.write_share(share, PAIRS)
        typer.echo(f"1. a share with {PAIRS} pictures, their labels, and a NAS's junk: {share}")
    else:
        typer.echo(f"1. your folder, which is only read: {share}")
    with DevServer(Options(data=home / "backend")) as server:
        specs = sample.SPECS if own_folder is None else _fitting_specs(own_folder)
        collection = server.create_collection("demo", specs=specs)
        typer.echo(f"2. an embedded Synapse backend at {server.url}, with a data collection for them\n")
        config = _write_config(home, share, server.url, server.options.token, collection)
        writer = threading.Thread(target=_add_files, args=(share,), name="somebody")
        if own_folder is None:
            typer.echo(f"3. first run; meanwhile somebody adds {LATE_PAIRS} more pairs")
            writer.start()
        else:
            typer.echo("3. first run")
        _once(config)
        if own_folder is None:
            writer.join()
            typer.echo("\n4. next run: takes what arrived in the meantime, if the first did not see it all")
            _once(config)
        _show_units(server.units(collection))
        _prove_nothing_is_sent(config, server)
        _say_goodbye(home, config, server)


def _once(config: Config) -> None:
    """What `synapse-sync once` does."""
    with (
        open_destination(config, resolve(config, ENVIRONMENT)) as destination,
        open_for_writing(ledger_path(config), create=True) as ledger,
        Progress(shown=True) as progress,
    ):
        works = [
            put_to_work(
                config, feed, ledger, destination, patient=False, clock=time.time, watch=progress.watch(feed.name)
            )
            for feed in config.feeds
        ]
        passes = sync(works, Patience(settling=True, retrying=10))
        progress.stop()
        for one in passes:
            snapshot = feed_snapshot(ledger, ledger.query("feed_by_id", id=one.work.id)[0])
            tell_run({**snapshot, "run": {"counts": dict(one.work.run.counts), "problems": one.work.run.told()}})
            if one.offline:
                raise one.offline


def _add_files(share: Path) -> None:
    for number in range(PAIRS + 2, PAIRS + 2 + LATE_PAIRS):
        time.sleep(0.2)
        sample.write_pair(share, number)


def _fitting_specs(folder: Path) -> list[dict[str, Any]]:
    """A spec for each kind of file that is there; the most frequent one is required."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        name = path.name.lower()
        found.update(kind for kind, extensions in KINDS.items() if name.endswith(extensions))
        if found.total() >= 10_000:
            break
    if not found:
        known = " ".join(extension for extensions in KINDS.values() for extension in extensions)
        raise UsageError(f"{folder} has no files that the demo knows", hint=f"it knows {known}")
    most = found.most_common(1)[0][0]
    return [
        {"name": f"{kind}_1", "file_type": kind, "extensions": list(KINDS[kind]), "is_required": kind == most}
        for kind in found
    ]


def _write_config(home: Path, share: Path, url: str, token: str, collection: int) -> Config:
    """A config file like a user's own, in the demo's folder."""
    token_file = home / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(token)
    path = home / "config.toml"
    path.write_text(
        f'[server]\nurl = "{url}"\naccess_token_file = "token"\n\n[ledger]\npath = "ledger.db"\n\n'
        f'[[feeds]]\nname = "demo"\ndata_collection = {collection}\npath = "{share.resolve()}"\nsettle = "1s"\n'
    )
    return load(path, ENVIRONMENT)


def _show_units(units: list[dict[str, Any]]) -> None:
    typer.echo(f"\n5. the collection now has {many(len(units), 'data unit')}")
    rows = [
        (
            unit["id"],
            unit["meta"].get("data_unit_key", ""),
            ", ".join(f"{spec}: {file['path']}" for spec, file in sorted(unit["files"].items())),
            size(sum(file["size"] for file in unit["files"].values())),
        )
        for unit in units[:SHOWN]
    ]
    table(("id", "unit", "files", "size"), rows)
    if len(units) > SHOWN:
        typer.echo(f"   … and {len(units) - SHOWN} more")


def _prove_nothing_is_sent(config: Config, server: DevServer) -> None:
    typer.echo("\n6. the same run again")
    before = server.stats()
    _once(config)
    after = server.stats()
    sent = after["bytes_received"] - before["bytes_received"]
    units = after["units"] - before["units"]
    typer.echo(f"   the server received {many(sent, 'byte')} of content and {many(units, 'new unit')}")


def _say_goodbye(home: Path, config: Config, server: DevServer) -> None:
    listen = server.url.removeprefix("http://")
    typer.echo(
        f"\nEverything is in {home}. To look at it:\n"
        f"  synapse-sync --config {config.source} status\n"
        f"  synapse-sync devserver --data {home / 'backend'} --listen {listen}    then open {server.url} in a browser"
    )
