"""Puts a feed to work: its sources, its destination, its row in the ledger, joined for the steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from synapse_sync.config import Config, Credentials, Feed, ledger_path, resolve, spool_path
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import UsageError
from synapse_sync.ledger import Ledger
from synapse_sync.sources.readers import Readers
from synapse_sync.sources.spool import Spool
from synapse_sync.steps import Run, Work
from synapse_sync.steps.pool import InFlight
from synapse_sync.steps.specs import reopen
from synapse_sync.steps.upload import workers_of
from synapse_sync.storages import Placed, Storages, placed


@contextmanager
def open_destination(
    config: Config, credentials: Credentials, hide: Callable[[str], None] = lambda _token: None
) -> Iterator[Destination]:
    """The Synapse server of these credentials, used as the config says; closed on leaving.

    hide: called with each token, also one that replaces another, before it is used.
    """
    from synapse_sync.destinations.synapse.destination import SynapseDestination

    def token_again() -> str:
        token = resolve(config).token
        hide(token)
        return token

    hide(credentials.token)
    limit = config.upload.bandwidth_limit
    destination = SynapseDestination(
        credentials.url,
        credentials.token,
        credentials.tenant,
        api=config.server.api,
        checksum=config.server.checksum,
        ca_bundle=str(config.server.ca_bundle) if config.server.ca_bundle else None,
        connect_timeout=config.server.connect_timeout,
        read_timeout=config.server.read_timeout,
        workers=workers_of(config),
        adaptive=config.upload.workers == "auto",
        bandwidth=None if limit is None else lambda: limit.at(datetime.now()),
        route=config.upload.route,
        chunk_size=config.upload.chunk_size,
        token_again=token_again,
    )
    try:
        yield destination
    finally:
        destination.close()


def open_spool(config: Config) -> Spool:
    """Where remote files wait that were read; to be entered, which removes what a process left that is gone."""
    return Spool(spool_path(config), config.upload.spool_size)


def chosen_feeds(config: Config, names: Sequence[str]) -> list[Feed]:
    """The feeds of these names, or all; UsageError names those that there are."""
    known = {feed.name: feed for feed in config.feeds}
    unknown = [name for name in names if name not in known]
    if unknown:
        there = ", ".join(known) or "none"
        raise UsageError(f"there is no feed {', '.join(unknown)} in {config.source}", hint=f"its feeds: {there}")
    return [known[name] for name in names] if names else list(known.values())


def put_to_work(
    config: Config,
    feed: Feed,
    ledger: Ledger,
    destination: Destination,
    *,
    patient: bool,
    clock: Callable[[], float],
    watch: Callable[[str, int], None] = lambda _name, _amount: None,
    stop: threading.Event | None = None,
    storages: Storages | None = None,
    spool: Spool | None = None,
) -> Work:
    """One feed, ready for a run, which ends early once `stop` is set; without a spool remote files are read twice.

    Settings that differ from those of the last run decide everything unsent anew. storages: what is known of the
    server's, where works share that.
    """
    spool = spool or Spool()
    with ledger.write() as transaction:
        if not transaction.query("feed_by_name", name=feed.name):
            transaction.run("add_feed", name=feed.name, now=clock())
        row = transaction.one("feed_by_name", name=feed.name)
    there = placed(feed, storages or Storages(destination), (ledger_path(config), spool_path(config)))
    work = Work(
        config=config,
        feed=feed,
        id=row["id"],
        ledger=ledger,
        sources=there.sources,
        destination=destination,
        run=Run(row["id"], clock=clock, watch=watch),
        patient=patient,
        settings=_settings(config, feed, destination, there) or row["settings"],
        uploads=_uploads(config),
        readers=Readers(there.sources, spool),
        is_astray=there.is_astray,
        table_root=there.table_root,
        spool=spool,
        clock=clock,
        stop=stop or threading.Event(),
    )
    if row["settings"] != work.settings:
        work.trust_filters = False
        if row["settings"]:
            reopen(work, feed.data_collection)
    return work


def _settings(config: Config, feed: Feed, destination: Destination, there: Placed) -> str:
    """What decides what a file becomes; "" while that is not known, because a storage could not be asked for."""
    if there.addresses is None:
        return ""
    own = f"{feed.fingerprint()} {destination.name} {config.server.api} {config.upload.max_file_size}"
    return f"{own} {there.addresses}".rstrip()


def next_run(work: Work) -> Work:
    """The same feed, ready for its next run in the same process: it knows what it knew of its collection and table."""
    return replace(
        work,
        run=work.run.another(),
        uploads=_uploads(work.config),
        readers=Readers(work.sources, work.spool),
        ending=threading.Event(),
        looked=[],
        left_open=set(),
        unseen=False,
        tasked=None,
        sender=None,
    )


def _uploads(config: Config) -> InFlight[Any, Any]:
    return InFlight((workers_of(config) + 1) // 2, "upload")
